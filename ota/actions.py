"""What is to be done about a node: the words in which updates speak to the dialogue with its gateway. Pure."""

from dataclasses import dataclass

from ota.command import CommandOrder
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
class AskPresentation:
    """Send I_PRESENTATION to the node."""


@dataclass(frozen=True)
class Hold:
    """From now on send the node nothing but what this package says."""


@dataclass(frozen=True)
class Release:
    """The node's sketch runs: what was held may go out."""


@dataclass(frozen=True)
class Record:
    """The row has changed: save it with the next commit."""


@dataclass(frozen=True)
class Attention:
    """Something a person should know, in words."""

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


RECORD = Record()
