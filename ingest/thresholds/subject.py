"""What a threshold is about: a channel by its computed id, or a figure of a UPS by its name. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from ingest.config.home import CHANNEL
from ingest.config.thresholds import ThresholdSettings
from ingest.mysensors.protocol import SetReq
from ingest.ups.figures import FIGURES, column
from ingest.ups.records import UpsSample

WATTS = "watts"
COLUMNS = {column(variable): variable for variable in FIGURES}  # of `ups_samples` -> NUT's name
FIGURE_NAMES = (*COLUMNS, WATTS)
LARGEST_BYTE = 255


class ChannelSubject(NamedTuple):
    """A channel (`channels.id`) of a node (`nodes.id`)."""

    channel: int

    @property
    def node(self) -> int:
        """`nodes.id`."""
        return self.channel >> 16

    @property
    def key(self) -> str:
        """What tells it from all others, in the figures of an event."""
        return f"channel {self.channel}"


class FigureSubject(NamedTuple):
    """A figure of a UPS: a column of `ups_samples`, or the name of a NUT variable."""

    ups: str
    figure: str

    @property
    def variable(self) -> str:
        """NUT's name of the figure; `watts` has none."""
        return COLUMNS.get(self.figure, self.figure)

    @property
    def key(self) -> str:
        """What tells it from all others, in the figures of an event."""
        return f"{self.variable} of {self.ups}"

    def value(self, sample: UpsSample) -> float | None:
        """The figure in a sample; None where the UPS did not give it, or it cannot be."""
        return sample.watts if self.figure == WATTS else sample.figures.get(self.variable)


Subject = ChannelSubject | FigureSubject


def find_subject(settings: ThresholdSettings, gateways: Mapping[str, int]) -> Subject | None:
    """What a threshold is about; None where there is no such gateway or number.

    `gateways` maps the names of the config to the numbers of gateways.
    """
    if settings.figure:
        return FigureSubject(settings.ups, settings.figure)
    match = CHANNEL.fullmatch(settings.channel)
    number = gateways.get(match[1]) if match else None
    if match is None or number is None:
        return None
    type = value_type(match[4])
    node_id, child = int(match[2]), int(match[3])
    if type is None or max(node_id, child) > LARGEST_BYTE:
        return None
    return ChannelSubject((((number << 8 | node_id) << 8 | child) << 8) | type)


def value_type(symbol: str) -> int | None:
    """The number of a V_ type, also of one that the library does not know (`V_200`)."""
    known = SetReq.__members__.get(symbol)
    if known is not None:
        return int(known)
    digits = symbol.removeprefix("V_")
    is_number = digits != symbol and digits.isascii() and digits.isdigit()
    return int(digits) if is_number and int(digits) <= LARGEST_BYTE else None
