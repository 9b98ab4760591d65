"""What the parts of alerts pass to each other: events with their names, messages, states of deliveries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ingest.severity import Severity


class DeliveryKind(StrEnum):
    """Why a message is sent; the words stand in `deliveries.kind`."""

    BEGIN = "begin"
    END = "end"
    REPEAT = "repeat"
    DIGEST = "digest"
    REPORT = "report"
    TEST = "test"
    REHEARSAL = "rehearsal"


class DeliveryState(StrEnum):
    """How far a message is; the words stand in `deliveries.state`."""

    QUEUED = "queued"
    SENDING = "sending"  # committed before it is sent; found so at a start, it is sent once more
    SENT = "sent"
    UNCERTAIN = "uncertain"  # sent once more after a crash: the target may have it twice
    FAILED = "failed"
    EXPIRED = "expired"
    MUTED = "muted"


@dataclass(frozen=True)
class AlertEvent:
    """One event with what a message needs: a row of `all_events`, or the same made up for a rehearsal.

    `id` is None for a rehearsal. Times are unix seconds; `ended_at` is None while it is open. `name` is the
    one in the config (`rack@closet`, `main/4`), `label` the one for people. `figures` are those of the row.
    """

    id: int | None
    event: str
    severity: Severity
    subject_kind: str  # UPS, node, gateway, disk, clock, machine
    name: str
    label: str
    started_at: float
    ended_at: float | None = None
    detail: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)
    href: str = ""
    ups: int | None = None
    node: int | None = None
    gateway: int | None = None


@dataclass(frozen=True)
class AlertMessage:
    """What a target gets: `title` fits a lock screen, its first 60 characters have the subject and the event.

    `text` is plain: what, where, since when, what it means, and one link as its last line. `event` and `name`
    go to programs; `event` is empty for digests, tests and reports. `report` is the file in `reports/` beside
    the database that a mail target gets in place of the text (`outbound.reports.mail`).
    """

    title: str
    text: str
    severity: Severity
    kind: DeliveryKind
    event: str = ""
    name: str = ""
    report: str = ""
