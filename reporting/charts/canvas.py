"""Two ways to write one drawing as SVG: fluid for pages, fixed for files. Pure.

A drawing places things in shares of the plot (0 to 1 across and down) and pixels beside them: `FluidCanvas`
and `FixedCanvas` write them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import escape

COLOURS, DASHES = 6, 3  # solid, dashed, dotted


class Box(NamedTuple):
    """Where drawn coordinates begin and how far they reach, in quanta of the axes."""

    left: float
    top: float
    width: float
    height: float


class Place(NamedTuple):
    """A share of the plot across and down, and pixels beside it."""

    across: float
    down: float
    dx: float = 0
    dy: float = 0


def colour_of(number: int) -> int:
    """The colour of a style, 1 to COLOURS."""
    return (number - 1) % COLOURS + 1


def dash_of(number: int) -> int:
    """The dash of a style: 0 solid, 1 dashed, 2 dotted."""
    return (number - 1) // COLOURS % DASHES


def style_class(number: int) -> str:
    """The classes of a style: its colour and, after the first six, its dash."""
    dash = dash_of(number)
    return f"s{colour_of(number)}" + (f" d{dash}" if dash else "")


def encode_path(pieces: Sequence[Sequence[tuple[int, int]]], closed: bool = False) -> str:
    """Points as the `d` of a path: where each piece begins, then steps."""
    parts = []
    for piece in pieces:
        (x, y), steps = piece[0], pairwise(piece)
        moved = " ".join(f"{right - left}{_signed(lower - upper)}" for (left, upper), (right, lower) in steps)
        parts.append(f"M{x} {y}l{moved or '0 0'}" + ("z" if closed else ""))
    return "".join(parts)


def _signed(number: int) -> str:
    return str(number) if number < 0 else f" {number}"


def number_text(value: float) -> str:
    """A coordinate in few letters."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


class Canvas(ABC):
    """What a chart draws on."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.parts: list[str] = []

    @abstractmethod
    def text(self, at: Place, text: str, anchor: str = "start", kind: str = "", minor: bool = False) -> None:
        """A text; `minor` ones are left out where the chart is narrow."""

    @abstractmethod
    def across(self, down: float, kind: str) -> None:
        """A line over the whole width."""

    @abstractmethod
    def upright(self, across: float, kind: str) -> None:
        """A line over the whole height."""

    @abstractmethod
    def bar(self, left: float, top: float, width: float, height: float, kind: str, title: str = "") -> None:
        """A rectangle."""

    @abstractmethod
    def dot(self, at: Place, kind: str) -> None:
        """A small circle."""

    @abstractmethod
    def triangle(self, at: Place, up: bool, kind: str) -> None:
        """A small triangle whose point is at a place of the edge."""

    @abstractmethod
    def begin_paths(self) -> None:
        """Paths follow; they are cut at the frame."""

    @abstractmethod
    def end_paths(self) -> None:
        """No more paths."""

    @abstractmethod
    def path(self, pieces: Sequence[Sequence[tuple[int, int]]], kind: str, closed: bool = False) -> None:
        """A line, or an area that is `closed`, in quanta of the axes."""

    def group(self, kind: str, label: str) -> None:
        """What follows is one series, up to `end_group`."""
        self.parts.append(f'<g class="series {kind}" data-label="{escape(label)}">')

    def end_group(self) -> None:
        """The end of a group."""
        self.parts.append("</g>")


def hatch(key: str, paint: str = "") -> str:
    """The pattern of a silent time."""
    look = paint or ' class="hatched"'
    return (
        f'<defs><pattern id="hatch-{key}" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><path{look} d="M0 0v6" stroke-width="3"/>'
        "</pattern></defs>"
    )
