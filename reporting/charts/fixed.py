"""Drawings for files: pixels and presentation attributes, so that a file needs nothing else. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from markupsafe import escape

from reporting.charts.canvas import Box, Canvas, Place, number_text

LIGHT = MappingProxyType(  # the light colours of static/tokens.css
    {
        "card": "#ffffff",
        "ink": "#1d1d1b",
        "muted": "#5c5c57",
        "grid": "#ebebe6",
        "axis": "#c9c9c3",
        "sunk": "#f1f1ee",
        "ghost": "#dcdcd6",
        "ghost-line": "#8f8f88",
        "warning": "#8a5300",
        "critical": "#a3221b",
        "shade": "#b35900",
        "hatch": "#5c5c57",
        "series": ("#0072b2", "#b35900", "#007a59", "#8e4585", "#b3372b", "#4d4d4d"),
    }
)
DASH = ("", "7 4", "1.5 4.5")
NARROW = 500  # pixels of a plot that has no room for minor texts
FONT = "system-ui, sans-serif"
HATCHED = f' stroke="{LIGHT["hatch"]}" stroke-opacity=".25"'


class Frame(NamedTuple):
    """Where the plot lies in a file, in pixels."""

    left: float
    top: float
    width: float
    height: float


class FixedCanvas(Canvas):
    """For files: pixels and presentation attributes."""

    def __init__(self, box: Box, frame: Frame, key: str) -> None:
        super().__init__(box)
        self.frame, self.key = frame, key

    def _x(self, across: float) -> str:
        return number_text(self.frame.left + across * self.frame.width)

    def _y(self, down: float) -> str:
        return number_text(self.frame.top + down * self.frame.height)

    def text(self, at: Place, text: str, anchor: str = "start", kind: str = "", minor: bool = False) -> None:
        """As Canvas has it."""
        if minor and self.frame.width < NARROW:
            return
        x = number_text(self.frame.left + at.across * self.frame.width + at.dx)
        y = number_text(self.frame.top + at.down * self.frame.height + at.dy)
        self.parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" {text_paint(kind)}>{escape(text)}</text>'
        )

    def across(self, down: float, kind: str) -> None:
        """As Canvas has it."""
        y, (left, right) = self._y(down), (self._x(0), self._x(1))
        self.parts.append(f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" {paint(kind)}/>')

    def upright(self, across: float, kind: str) -> None:
        """As Canvas has it."""
        x, (top, bottom) = self._x(across), (self._y(0), self._y(1))
        self.parts.append(f'<line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}" {paint(kind)}/>')

    def bar(self, left: float, top: float, width: float, height: float, kind: str, title: str = "") -> None:
        """As Canvas has it."""
        fill = f'fill="url(#hatch-{self.key})"' if kind == "silent" else paint(kind)
        end = f"><title>{escape(title)}</title></rect>" if title else "/>"
        self.parts.append(
            f'<rect x="{self._x(left)}" y="{self._y(top)}" width="{number_text(width * self.frame.width)}" '
            f'height="{number_text(height * self.frame.height)}" {fill}{end}'
        )

    def dot(self, at: Place, kind: str) -> None:
        """As Canvas has it."""
        self.parts.append(
            f'<circle cx="{self._x(at.across)}" cy="{self._y(at.down)}" r="4" {paint("fill " + kind)} '
            f'stroke="{LIGHT["card"]}" stroke-width="2"/>'
        )

    def triangle(self, at: Place, up: bool, kind: str) -> None:
        """As Canvas has it."""
        points = "-5,7 5,7 0,0" if up else "-5,-7 5,-7 0,0"
        where = f"translate({self._x(at.across)} {self._y(at.down)})"
        self.parts.append(f'<polygon transform="{where}" points="{points}" {paint("fill " + kind)}/>')

    def begin_paths(self) -> None:
        """As Canvas has it."""
        left, top, width, height = map(number_text, self.frame)
        self.parts.append(
            f'<clipPath id="frame-{self.key}"><rect x="{left}" y="{top}" width="{width}" '
            f'height="{height}"/></clipPath><g clip-path="url(#frame-{self.key})">'
        )

    def end_paths(self) -> None:
        """As Canvas has it."""
        self.parts.append("</g>")

    def path(self, pieces: Sequence[Sequence[tuple[int, int]]], kind: str, closed: bool = False) -> None:
        """As Canvas has it."""
        across, down = self.frame.width / self.box.width, self.frame.height / self.box.height
        drawn = []
        for piece in pieces:
            points = [
                f"{number_text(self.frame.left + (x - self.box.left) * across)},"
                f"{number_text(self.frame.top + (y - self.box.top) * down)}"
                for x, y in piece
            ]
            drawn.append("M" + "L".join(points if len(points) > 1 else points * 2) + ("Z" if closed else ""))
        self.parts.append(f'<path d="{"".join(drawn)}" {paint(kind)}/>')

    def group(self, kind: str, label: str) -> None:
        """As Canvas has it; a file has no use for the class."""
        self.parts.append("<g>")


def series_colour(kind: str) -> str:
    """The light colour that classes of a drawing mean."""
    for name in kind.split():
        if name[:1] == "s" and name[1:].isdigit():
            return str(LIGHT["series"][int(name[1:]) - 1])
        if name in LIGHT:
            return str(LIGHT[name])
    return str(LIGHT["muted"])


PAINT: Mapping[str, str] = MappingProxyType(
    {
        "gl": f'stroke="{LIGHT["grid"]}"',
        "ax": f'stroke="{LIGHT["axis"]}"',
        "shade": f'fill="{LIGHT["shade"]}" fill-opacity=".15"',
        "off": f'fill="{LIGHT["sunk"]}"',
        "gb": f'fill="{LIGHT["ghost"]}"',
        "gt": f'fill="{LIGHT["ghost-line"]}"',
        "hit": 'fill="none"',
        "track": f'fill="{LIGHT["sunk"]}"',
        "ghost": f'fill="none" stroke="{LIGHT["ghost-line"]}" stroke-width="1.5" stroke-dasharray="2 4"',
    }
)


WEAKER = {"d1": ".55", "d2": ".2"}  # how areas differ whose colour is the same


def paint(kind: str) -> str:
    """The presentation attributes of the classes of a shape: the first word says what it is."""
    what = kind.split()[0]
    if what in PAINT:
        return PAINT[what]
    colour = series_colour(kind)
    if what == "limit":
        return f'stroke="{colour}" stroke-dasharray="6 4"'
    if what in ("band", "area"):
        return f'fill="{colour}" fill-opacity="{".16" if what == "band" else ".42"}"'
    if what in ("line", "edge"):
        dash = next((DASH[int(one[1])] for one in kind.split() if one in ("d1", "d2")), "")
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        return (
            f'fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round" '
            f'stroke-linecap="round"{dashed}'
        )
    weaker = next((opacity for one, opacity in WEAKER.items() if one in kind.split()), "")
    return f'fill="{colour}"' + (f' fill-opacity="{weaker}" stroke="{colour}"' if weaker else "")


def text_paint(kind: str) -> str:
    """The presentation attributes of a text."""
    words = kind.split()
    name = next((one for one in words if one in ("warning", "critical", "ink")), "muted")
    bold = ' font-weight="600"' if "ink" in words or "strong" in words else ""
    halo = (
        f' paint-order="stroke" stroke="{LIGHT["card"]}" stroke-width="5" stroke-linejoin="round"'
        if "halo" in words
        else ""
    )
    return f'fill="{LIGHT[name]}" font-size="12"{bold}{halo}'
