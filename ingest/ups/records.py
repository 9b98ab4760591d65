"""What readers hand to the store: polls that went well or failed, orders that were sent, UPSes that are gone."""

from dataclasses import dataclass

OK, WAIT = "ok", "wait"


@dataclass
class Poll:
    """One poll of one UPS. Times in seconds: unix, and the monotonic clock.

    Answered: `status`, and `variables` where all of them were asked for; `writable` and `settings` name those that can be
    set, and those whose changes are history (None: not known now). Failed: `outcome`, `where` it went wrong ('server',
    'driver', 'device') and `words`. `quiet` polls went well before this one and said the same as the one before them,
    the last of them at `quiet_at`. `noted` alone: it stands in `polls` and means nothing for events.
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
    words: str = ""
    quiet: int = 0
    quiet_at: float = 0.0
    noted: bool = False


@dataclass
class Ordered:
    """An instant command was sent to a UPS, by whom. `sure` False: nobody told whether the UPS does it."""

    ups: str
    at: float
    monotonic: float
    command: str
    by: str
    sure: bool = True


@dataclass
class Offer:
    """What a UPS can be told to do: its commands with the server's words, and what the listed settings take."""

    ups: str
    at: float
    commands: dict  # name -> description, '' where the server was not asked for it
    settings: dict  # name -> Setting


@dataclass
class Found:
    """A server lists a UPS that the config does not name."""

    ups: str
    source: str
    address: str
    description: str = ""


@dataclass
class Gone:
    """A server does not list a UPS any more."""

    ups: str
    at: float


@dataclass(eq=False)
class Run:
    """Polls of equal outcome that followed each other: a row of `polls`."""

    outcome: str
    detail: str
    started: float
    ended: float
    count: int = 1
    id: int | None = None
    written: float = 0.0  # unix seconds of the last write
