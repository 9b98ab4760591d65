"""What the state machine of a UPS is fed, polls, and what it tells, events that open, change and close."""

from dataclasses import dataclass, field

OPENED, UPDATED, CLOSED = "opened", "updated", "closed"


@dataclass(eq=False)
class Event:
    """One row of `events`. Times are unix seconds; `ended` None: it goes on."""

    event: str
    started: float
    ended: float | None = None
    complete: bool = True
    detail: str = ""
    figures: dict = field(default_factory=dict)
    id: int | None = None


@dataclass(frozen=True)
class Good:
    """A poll that was answered. `variables` and what is read from them are None where only the status was asked for."""

    at: float
    monotonic: float
    status: str
    interval_s: float
    variables: dict | None = None
    figures: dict | None = None
    watts: float | None = None
    watts_rule: str | None = None


@dataclass(frozen=True)
class Failed:
    """A poll that failed: the short word, where ('server', 'driver' or 'device'), and the words for people."""

    at: float
    monotonic: float
    outcome: str
    where: str
    words: str
