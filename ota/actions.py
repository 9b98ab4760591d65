"""What an OtaServer asks its owner to do: actions for a node, rows to save. Pure."""

from dataclasses import dataclass, field

from ota.command import CommandOrder
from ota.update import OtaUpdate
from ota.wire import ConfigRequest, StreamType


@dataclass(frozen=True)
class Send:
    """Send this stream payload to the node (child 255, no echo)."""

    type: StreamType
    payload: str


@dataclass(frozen=True)
class Reboot:
    """Send I_REBOOT to the node, at once."""


@dataclass(frozen=True)
class RequestPresentation:
    """Send I_PRESENTATION to the node."""


@dataclass(frozen=True)
class RequestHeartbeat:
    """Ask the node for a heartbeat, if it is awake: its turn has come; when heard, it is restarted."""


@dataclass(frozen=True)
class Hold:
    """Send the node nothing but what this package asks for, until Release."""


@dataclass(frozen=True)
class Release:
    """The node's sketch runs: messages that were held may go out."""


@dataclass(frozen=True)
class Attention:
    """Something that needs a person's attention."""

    text: str


@dataclass(frozen=True)
class Rejected:
    """A stream payload that could not be read."""

    payload: str
    reason: str


@dataclass(frozen=True)
class Reported:
    """The node reported this configuration: what it runs, and which bootloader it has."""

    request: ConfigRequest


@dataclass(frozen=True)
class CommandChanged:
    """The state of a bootloader command has changed: save it."""

    order: CommandOrder


MachineAction = Send | Reboot | RequestPresentation | Hold | Attention
Action = MachineAction | RequestHeartbeat | Release | Rejected | Reported | CommandChanged


@dataclass
class Effects:
    """What is to be done next, in order; all nodes of an OtaServer share one."""

    actions: list[tuple[int, Action]] = field(default_factory=list)  # (nodes.id, action)
    updates: dict[int, OtaUpdate] = field(default_factory=dict)  # id() -> an update whose row has changed
