"""The records of UPSes that pass between readers, the store and the event machine."""

from dataclasses import dataclass, field

OK, WAIT = "ok", "wait"
OPENED, UPDATED, CLOSED = "opened", "updated", "closed"


@dataclass
class Poll:
    """One poll of one UPS. Times in seconds: unix, and the monotonic clock.

    Answered: `status`, and `variables` where all of them were asked for; `writable` and `settings` name those that can be
    set, and those whose changes are history (None: not known now). Failed: `outcome`, `where` it went wrong ('server',
    'driver', 'device') and `message`. `coalesced` polls went well before this one and said the same as the one before them,
    the last of them at `coalesced_at`. `informational` alone: it stands in `polls` and means nothing for events.
    """

    ups: str
    at: float
    monotonic: float
    interval_s: float
    outcome: str = OK
    status: str = ""
    variables: dict | None = None
    writable: frozenset | None = None
    settings: frozenset | None = None
    where: str = ""
    message: str = ""
    coalesced: int = 0
    coalesced_at: float = 0.0
    informational: bool = False


@dataclass
class InstantCommand:
    """An instant command was sent to a UPS, by whom. `sure` False: nobody told whether the UPS does it."""

    ups: str
    at: float
    monotonic: float
    command: str
    by: str
    sure: bool = True


@dataclass
class UpsControls:
    """What a UPS can be told to do: its commands with the server's words, and what the listed settings take."""

    ups: str
    at: float
    commands: dict  # name -> description, '' where the server was not asked for it
    settings: dict  # name -> Setting


@dataclass
class UpsFound:
    """A server lists a UPS that the config does not name."""

    ups: str
    source: str
    address: str
    description: str = ""


@dataclass
class UpsGone:
    """A server does not list a UPS any more."""

    ups: str
    at: float


@dataclass(eq=False)
class PollRun:
    """Polls of equal outcome that followed each other: a row of `polls`."""

    outcome: str
    detail: str
    started: float
    ended: float
    count: int = 1
    id: int | None = None
    written: float = 0.0  # unix seconds of the last write


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
    message: str
