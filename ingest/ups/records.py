"""The records of UPSes that pass between readers, the store and the event machine.

Two clocks stand in them: `at` is unix seconds, and moves when the clock is set; `monotonic` is CLOCK_BOOTTIME
of the same moment, by which lengths are measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ingest.ups.setting_values import Setting

OK, WAIT = "ok", "wait"  # outcomes of a poll that was answered; WAIT: the driver has no data yet
OPENED, UPDATED, CLOSED = "opened", "updated", "closed"

Variables = Mapping[str, str]  # NUT name -> text as the device gives it
Figures = dict[str, float]  # NUT name -> number, in NUT's units
EventFigures = dict[str, Any]  # Any: it is the JSON of events.figures


@dataclass(slots=True)
class Poll:
    """One poll of one UPS.

    Answered: `status`, and `variables` where all of them were asked for; `writable` and `settings` name
    those that can be set, and those whose changes are history (None: not known now). Failed: `outcome`,
    `where` it went wrong ('server', 'driver', 'device') and `message`. `coalesced` polls before this one
    were answered with the same status as the one before them, the last of them at `coalesced_at` and
    `coalesced_monotonic`.
    `informational`: a row of `polls` alone, without effect on events.
    """

    ups: str
    at: float
    monotonic: float
    interval_s: float  # until the next poll of this kind
    outcome: str = OK
    status: str = ""
    variables: Variables | None = None
    writable: frozenset[str] | None = None
    settings: frozenset[str] | None = None
    where: str = ""
    message: str = ""
    coalesced: int = 0
    coalesced_at: float = 0.0
    coalesced_monotonic: float = 0.0
    informational: bool = False

    def restamp(self, stamp: Callable[[float, float], float]) -> None:
        """Take the times of `stamp(monotonic, at)`, those of the coalesced polls before it, too."""
        self.at = stamp(self.monotonic, self.at)
        if self.coalesced:
            self.coalesced_at = stamp(self.coalesced_monotonic, self.coalesced_at)

    @property
    def failed(self) -> bool:
        """Whether the UPS was not reached, or its answer could not be used."""
        return self.outcome not in (OK, WAIT)


@dataclass(slots=True)
class UpsSample:
    """The figures of one full poll: those that can be, by their names; `watts` None where not known.

    The next one is due in `interval_s`.
    """

    ups: str
    at: float
    monotonic: float
    interval_s: float
    figures: Figures
    watts: float | None


@dataclass(slots=True)
class InstantCommand:
    """An instant command that was sent to a UPS.

    `confirmed` False: whether the UPS carried it out is not known.
    """

    ups: str
    at: float
    monotonic: float
    command: str
    by: str
    confirmed: bool = True


@dataclass(slots=True)
class UpsControls:
    """The instant commands that a UPS has, and the values that its listed settings take."""

    ups: str
    at: float
    commands: dict[str, str]  # name -> the server's description, '' where it was not asked
    settings: dict[str, Setting]


@dataclass(slots=True)
class UpsClients:
    """Which programs are logged in to a UPS: address -> logins; None where the server does not tell."""

    ups: str
    at: float
    logins: dict[str, int] | None


@dataclass(slots=True)
class UpsFound:
    """A server lists a UPS that the config does not name."""

    ups: str
    source: str
    address: str
    description: str = ""


@dataclass(slots=True)
class UpsGone:
    """A server no longer lists a UPS."""

    ups: str
    at: float


UpsItem = (
    Poll | InstantCommand | UpsControls | UpsClients | UpsFound | UpsGone
)  # what readers and senders give to the store


@dataclass(eq=False, slots=True)
class PollRun:
    """Consecutive polls of equal outcome between two steps of the clock: a row of `polls`.

    Times are unix seconds; `offset` is what CLOCK_BOOTTIME lacks to them.
    """

    outcome: str
    detail: str
    started: float
    ended: float
    offset: float
    count: int = 1
    id: int | None = None
    written: float = 0.0  # when it was last written


@dataclass(eq=False, slots=True)
class Event:
    """One row of `events`. Times are unix seconds; `ended` None: ongoing. `withdrawn`: it was none.

    `boottime` is CLOCK_BOOTTIME of its start in the boot `boot_id`; '' where that is not known.
    """

    event: str
    started: float
    ended: float | None = None
    complete: bool = True
    detail: str = ""
    figures: EventFigures = field(default_factory=dict)
    id: int | None = None
    withdrawn: bool = False
    boot_id: str = ""
    boottime: float = 0.0


class EventChange(NamedTuple):
    """What happened to an event: `verb` is OPENED, UPDATED or CLOSED."""

    verb: str
    event: Event
