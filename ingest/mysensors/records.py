"""What a gateway's connection hands to the writer, for the Store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.mysensors.protocol import Header, Message, Reject


class BrokerDelivery(NamedTuple):
    """How a broker delivered what was received; what comes by no broker is of the default.

    `is_retained`: the broker kept it as the last of its topic, of an age that is not known. `may_be_late`:
    the broker may have kept it while we were away. `packets` are to be acknowledged when the block is stored.
    """

    is_retained: bool = False
    may_be_late: bool = False
    packets: tuple[tuple[int, str], ...] = ()


LIVE = BrokerDelivery()


@dataclass(slots=True)
class ReceivedBlock:
    """What one read of a gateway's connection brought.

    `received_at` is in unix seconds, `monotonic` in seconds of `RunningTime`.
    """

    gateway: int
    source: str  # the gateway's name
    received_at: float
    monotonic: float
    epoch: object  # the same for all blocks of one connection
    messages: list[Message] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    repeat_window_s: float = 0.0  # in which the same text again is a radio repeat; 0: never
    delivery: BrokerDelivery = LIVE


@dataclass(slots=True)
class IdGiven:
    """An id was given to a node that asked for one with this token, at `given_at` (unix seconds)."""

    gateway: int
    node_id: int
    token: int
    given_at: float


@dataclass(slots=True)
class PresentationRequested:
    """A node (`nodes.id`) was asked to present itself or to restart, so its presentation is expected."""

    node: int
    monotonic: float


@dataclass(slots=True)
class WantedValue:
    """An order (`outbox.id`), placed `at` (UTC text), is newer than every report of its channel so far.

    `header` is that of a report.
    """

    gateway: int
    header: Header
    value: str
    at: str
    order: int


@dataclass(slots=True)
class SleepObserved:
    """How many windows a node (`nodes.id`) has announced, where more than its notifications tell."""

    node: int
    windows: int


@dataclass(slots=True)
class ValueAsked:
    """A C_REQ whose channel reported last what may not count.

    `header` is that of a report; `reply` is called with the value that counts, where one is known.
    """

    gateway: int
    header: Header
    reply: Callable[[str], object]


@dataclass(slots=True)
class RetainedFetched:
    """What a broker retained when the session of a gateway began is handed in before; "" for no session."""

    gateway: int
    session: str


StoreItem = (
    ReceivedBlock
    | IdGiven
    | PresentationRequested
    | WantedValue
    | SleepObserved
    | ValueAsked
    | RetainedFetched
)
