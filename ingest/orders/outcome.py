"""What becomes of a request: done, or refused, with the reasons and a subject for the audit."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = dict[str, Any]  # Any: what JSON and templates take


class RefusedError(Exception):
    """A request that is refused: an HTTP status, the reasons as text, and a subject for the audit.

    `field` is the one that is wrong, where it is not the first word of a reason.
    """

    def __init__(
        self,
        status: int,
        *errors: str,
        subject: str = "",
        headers: Mapping[str, str] | None = None,
        field: str = "",
    ) -> None:
        super().__init__(*errors)
        self.status, self.errors, self.subject, self.headers = status, errors, subject, headers or {}
        self.field = field


class Done(NamedTuple):
    """What an action answers: a sentence, what it was done to, data for programs, maybe an HTTP status.

    `page` is the address that a browser is led to, whatever page it came from; '' leaves that to the action.
    """

    message: str
    subject: str
    data: Json
    status: int | None = None
    page: str = ""
