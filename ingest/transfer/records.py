"""What a source hands over, whatever program it comes from, and the options of an import."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.errors import VoltkeeperError
from ingest.mysensors.protocol import FIELDS, LIMITS, Header
from ingest.ups.corrections import AllVariables
from ingest.ups.settings import UpsSettings


class TransferError(VoltkeeperError):
    """Nothing can be imported or exported; the message gives the reason and the remedy."""


@dataclass(frozen=True)
class Skip:
    """A row that is not imported, and why, as text that is counted."""

    reason: str


@dataclass(frozen=True)
class Message:
    """One line of a gateway. `at` is unix seconds."""

    at: float
    header: Header
    payload: str


@dataclass(frozen=True)
class Sample:
    """One poll of a UPS. `at` is unix seconds; `variables` go by NUT's names, as text.

    `status` is ups.status; `shown` the status that a file without one shows in another manner: events are
    made by it, it is not stored.
    """

    at: float
    ups: str
    status: str
    variables: dict[str, str] = field(default_factory=dict)
    shown: str = ""


Record = Message | Sample
Item = Record | Skip | None  # what a place of a file holds; None: nothing that counts


def make_message(
    at: float, node: object, child: object, command: object, echo: object, type: object, payload: str
) -> Message | Skip:
    """A Message, or a Skip for numbers that no gateway sends."""
    numbers: list[int] = []
    for name, number, limit in zip(FIELDS, (node, child, command, echo, type), LIMITS, strict=True):
        if not isinstance(number, int) or not 0 <= number <= limit:
            return Skip(f"{name} is no whole number from 0 to {limit}")
        numbers.append(number)
    return Message(at, Header(*numbers), payload)


@dataclass
class ImportOptions:
    """What the command line and the config define for an import."""

    timezone: str  # of local times in the file
    site_timezone: str  # of days and hours
    gateway: int = 0
    ups: str | None = None
    format: str | None = None
    configured_upses: tuple[str, ...] = ()
    settings: Mapping[str, UpsSettings] = field(default_factory=dict)  # the config's `ups:`
    variables: AllVariables = field(default_factory=dict)  # its `variables:`, for all UPSes

    def ups_for(self, name: str) -> str:
        """The name that `--ups` gives the UPS that a file calls `name`.

        `--ups @closet` is the server alone.
        """
        if self.ups is None:
            return name
        return name.partition("@")[0] + self.ups if self.ups.startswith("@") else self.ups

    @property
    def gateway_target(self) -> str:
        """What a gateway is called in `imports`: its name may change, its number stays."""
        return f"gateway {self.gateway}"
