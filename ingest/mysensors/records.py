"""What a gateway's dialogue hands to the writer, for the Store."""

from dataclasses import dataclass, field


@dataclass
class ReceivedBlock:
    """What one read of a gateway's connection brought. Times in seconds: the wall clock and the monotonic one."""

    gateway: int
    source: str
    at: float
    monotonic: float
    epoch: object  # the same for all blocks of one connection
    items: list = field(default_factory=list)  # (Header, payload)
    rejects: list = field(default_factory=list)  # (raw, reason)
    window_s: float = 0.0  # in which the same text again is a radio repeat; 0: never


@dataclass
class IdAssigned:
    """A free id was handed to a node that asked for one."""

    gateway: int
    node_id: int
    at: float


@dataclass
class PresentationRequested:
    """A node was asked to present itself or to restart, so that its presentation is no surprise."""

    node: int
    monotonic: float
