"""What a source hands over, whatever program it comes from."""

from dataclasses import dataclass, field

from ingest.errors import VoltkeeperError
from ingest.mysensors.protocol import FIELDS, LIMITS, Header


class TransferError(VoltkeeperError):
    """Nothing can be imported or exported; the text says why and what to do, for people."""


@dataclass(frozen=True)
class Skip:
    """A row that is not imported, and why, in words that are counted."""

    reason: str


@dataclass(frozen=True)
class Message:
    """One line of a gateway. `at` is unix seconds."""

    at: float
    header: Header
    payload: str


@dataclass(frozen=True)
class Sample:
    """One poll of a UPS. `at` is unix seconds; `variables` go by NUT's names, as text; `status` is ups.status."""

    at: float
    ups: str
    status: str
    variables: dict = field(default_factory=dict)


def make_message(at, node, child, command, echo, type, payload):
    """A Message, or a Skip for numbers that no gateway sends."""
    numbers = (node, child, command, echo, type)
    for name, number, limit in zip(FIELDS, numbers, LIMITS):
        if not isinstance(number, int) or not 0 <= number <= limit:
            return Skip(f"{name} is no whole number from 0 to {limit}")
    return Message(at, Header(*numbers), payload)
