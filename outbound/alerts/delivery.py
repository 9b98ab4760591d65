"""A delivery: one message to one target, a row of `deliveries`, or in memory where that fails."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from ingest.severity import Severity
from outbound.alerts.model import AlertMessage, DeliveryKind, DeliveryState

UNSENT = (DeliveryState.QUEUED, DeliveryState.SENDING)
DONE = frozenset(DeliveryState) - set(UNSENT)
NOBODY_WAITS = "it was not sent before the request for it ended"
AT_ONCE = (DeliveryKind.TEST, DeliveryKind.REHEARSAL)  # somebody waits for it: out of order, no retries

LATE, QUIET, BY_RULE = "late", "quiet", "digest"  # values of `held_why`


@dataclass(frozen=True)
class Delivery:
    """One row. Times are unix seconds. `id` is 0 before it is stored, negative while it is in memory alone.

    `held_until`: it waits for then, to go with others in one digest; `held_why` is why. `digest` is the id of
    the delivery whose message carries this one. `number` counts how often an event went on after its end, or
    the repeats.
    """

    event: int | None
    target: str
    kind: DeliveryKind
    severity: Severity
    title: str
    text: str
    created_at: float
    number: int = 0
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    sent_at: float | None = None
    reason: str = ""
    rule: str = ""
    digest: int | None = None
    report: str = ""
    event_name: str = ""
    name: str = ""
    held_until: float | None = None
    held_why: str = ""
    id: int = 0

    @property
    def key(self) -> tuple[int, str, str, int] | None:
        """What is unique of it; None for what belongs to no event."""
        return None if self.event is None else (self.event, self.target, str(self.kind), self.number)

    @property
    def message(self) -> AlertMessage:
        """What is sent."""
        return AlertMessage(
            self.title, self.text, self.severity, self.kind, self.event_name, self.name, self.report
        )

    def with_message(self, message: AlertMessage) -> "Delivery":
        """The same delivery with another message."""
        return replace(
            self,
            title=message.title,
            text=message.text,
            severity=message.severity,
            event_name=message.event,
            name=message.name,
        )


def new_delivery(
    message: AlertMessage,
    target: str,
    created_at: float,
    **fields: Any,  # of the types of Delivery's fields, which replace() checks by name alone
) -> Delivery:
    """The delivery of a message to a target; `fields` are others of Delivery."""
    bare = Delivery(None, target, message.kind, message.severity, message.title, message.text, created_at)
    return replace(bare, event_name=message.event, name=message.name, report=message.report, **fields)


def as_json(delivery: Delivery) -> dict[str, object]:
    """The values of a delivery, for JSON."""
    return asdict(delivery)


def from_json(values: dict[str, Any]) -> Delivery:  # Any: values of JSON
    """The delivery that `as_json` made values of. Raises TypeError, ValueError."""
    return Delivery(
        **values
        | {
            "kind": DeliveryKind(values["kind"]),
            "severity": Severity(values["severity"]),
            "state": DeliveryState(values["state"]),
        }
    )
