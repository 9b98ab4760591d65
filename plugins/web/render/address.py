"""Addresses of a page with other choices than those it was asked for."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode


def address_of(path: str, chosen: Mapping[str, str]) -> Callable[..., str]:
    """A function: the address of the page with some choices made otherwise, or taken away by None."""

    def address(**changes: str | None) -> str:
        query = urlencode({name: value for name, value in {**chosen, **changes}.items() if value}, safe="@")
        return f"{path}?{query}" if query else path

    return address
