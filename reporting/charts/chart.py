"""A chart as drawn: what is common to all kinds, on a page and as a file. Pure."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import NamedTuple
from zlib import crc32

from markupsafe import Markup, escape

from reporting.charts.canvas import Box, Canvas, Place, hatch, style_class
from reporting.charts.fixed import FONT, HATCHED, LIGHT, FixedCanvas, Frame, paint
from reporting.charts.fluid import FluidCanvas
from reporting.charts.scale import ValueAxis
from reporting.charts.times import TimeTick

FILE_WIDTH, FILE_HEIGHT = 1000, 300  # of a plot in a file
FILE_LEFT, FILE_TOP, FILE_RIGHT, MARGIN = 64, 84, 24, 20
LAST_MIDDLE = 0.97  # of the width: a time after it ends with the plot, instead of standing around its line
LETTER = 7.5  # pixels of a letter in a file, to place legend entries and break lines
TITLE_LETTER = 10.5  # of its title
LINE, MOST_LINES = 18, 3  # of the caption in a file


class Key(NamedTuple):
    """An entry of the legend; one with a `number` is a line, which a reader can hide."""

    label: str
    kind: str  # line, area, ghost, shade, silent, measured
    number: int = 0

    @property
    def style(self) -> str:
        """The classes of its colour."""
        return style_class(self.number) if self.number else ""


@dataclass
class Chart(ABC):
    """A drawn chart. `href` leads to the same as a table; `saved_at` to a file, where a page offers one.

    `page` is that of what it shows, where that has one.
    """

    title: str
    unit: str
    caption: str
    keys: list[Key] = field(default_factory=list)
    href: str = ""
    saved_at: str = ""
    page: str = ""
    key: str = ""

    kind = "chart"

    def __post_init__(self) -> None:
        self.key = self.key or self._slug()

    def _slug(self) -> str:
        """A name of the chart on its page, from its title."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")[:40]
        return (
            slug if slug and self.title.isascii() else f"{slug or 'chart'}-{crc32(self.title.encode()):08x}"
        )

    @property
    def box(self) -> Box:
        """The drawn coordinates."""
        return Box(0, 0, 1000, 1000)

    @property
    def has_hatch(self) -> bool:
        """Whether a silent time is drawn."""
        return any(key.kind == "silent" for key in self.keys)

    @property
    def data(self) -> dict[str, object]:
        """What a cursor needs to read values from the drawing, as attributes `data-*`."""
        return {}

    @property
    def file_height(self) -> int:
        """Pixels of the plot in a file."""
        return FILE_HEIGHT

    @abstractmethod
    def draw(self, canvas: Canvas) -> None:
        """Draw all on a canvas."""

    def svg(self) -> Markup:
        """The drawing for a page; its text keeps its size at every width."""
        canvas = FluidCanvas(self.box, self.key)
        self.draw(canvas)
        pattern = hatch(self.key) if self.has_hatch else ""
        return Markup(  # every text was escaped by the canvas
            f'<svg class="drawing" role="img" tabindex="0" aria-label="{escape(self.label)}">'
            f"{pattern}{''.join(canvas.parts)}"
            '<g class="cursor" data-keep=""></g></svg>'
        )

    @property
    def label(self) -> str:
        """What a screen reader says."""
        return f"{self.title}: {self.caption}"

    def standalone_svg(self, width: int = FILE_WIDTH) -> Markup:
        """The same as a file that needs nothing else, with title, caption and legend, in light colours.

        `width` is in pixels; a caption that is too long for it takes more lines.
        """
        caption = _break_lines(self.caption, width - 2 * MARGIN)
        top = FILE_TOP + (len(caption) - 1) * LINE
        frame = Frame(FILE_LEFT, top, width - FILE_LEFT - FILE_RIGHT, self.file_height)
        canvas = FixedCanvas(self.box, frame, self.key)
        self.draw(canvas)
        legend, height = _file_legend(self.keys, self.key, frame.top + frame.height + 52, width)
        pattern = hatch(self.key, HATCHED) if self.has_hatch else ""
        head = "".join(
            f'<text x="{MARGIN}" y="{50 + number * LINE}" fill="{LIGHT["muted"]}" font-size="13">'
            f"{escape(line)}</text>"
            for number, line in enumerate(caption)
        )
        return Markup(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="{FONT}" role="img" '
            f'aria-label="{escape(self.label)}"><title>{escape(self.title)}</title>'
            f'<rect width="{width}" height="{height}" fill="{LIGHT["card"]}"/>'
            f'<text x="{MARGIN}" y="30" fill="{LIGHT["ink"]}" font-size="17" font-weight="650">'
            f"{escape(_cut(self.title, width - 2 * MARGIN))}</text>"
            f"{head}{pattern}{''.join(canvas.parts)}{legend}</svg>"
        )


def _cut(title: str, width: float) -> str:
    letters = int(width / TITLE_LETTER)
    return title if len(title) <= letters else f"{title[: letters - 1].rstrip()}…"


def _break_lines(text: str, width: float) -> list[str]:
    return wrap(text, int(width / LETTER), max_lines=MOST_LINES, placeholder="…") or [""]


def _file_legend(keys: Sequence[Key], key: str, top: float, file_width: int) -> tuple[str, int]:
    """The legend below the plot of a file, and the height of the file with it."""
    parts, x = [], float(MARGIN)
    for one in keys:
        width = 42 + LETTER * len(one.label)
        if x > MARGIN and x + width > file_width - MARGIN:
            x, top = float(MARGIN), top + 22
        parts.append(_file_key(one, key, x, top))
        parts.append(
            f'<text x="{x + 22:g}" y="{top + 4:g}" fill="{LIGHT["ink"]}" font-size="13">'
            f"{escape(one.label)}</text>"
        )
        x += width
    return "".join(parts), round(top + 24 if keys else top - 12)


def _file_key(one: Key, key: str, x: float, y: float) -> str:
    if one.kind in ("line", "ghost"):
        look = paint("ghost") if one.kind == "ghost" else paint(f"line {one.style}")
        return f'<path d="M{x:g} {y:g}h16" {look}/>'
    fill = (
        f'fill="url(#hatch-{key})"' if one.kind == "silent" else paint(_FILE_KINDS.get(one.kind, one.style))
    )
    return f'<rect x="{x:g}" y="{y - 6:g}" width="12" height="12" rx="3" {fill}/>'


_FILE_KINDS = {"shade": "shade", "before": "gb", "measured": "gt"}


def draw_values(canvas: Canvas, axis: ValueAxis, unit: str) -> None:
    """Grid lines with their values in the gutter; the unit stands once above them."""
    for tick in axis.ticks:
        down = axis.share(tick)
        canvas.across(down, "ax" if down > 0.999 else "gl")
        canvas.text(Place(0, down, -8, 4), axis.tick_text(tick), "end")
    if not axis.ticks or axis.share(axis.ticks[0]) < 0.999:
        canvas.across(1, "ax")
    if unit:
        canvas.text(Place(0, 0, -8, -12), unit, "end")


def draw_times(canvas: Canvas, ticks: Sequence[tuple[float, TimeTick]], lines: bool = True) -> None:
    """(share, time) below the plot. Every second time is left out where the chart is narrow, no day is."""
    first = next((number for number, (_, tick) in enumerate(ticks) if tick.strong), None)
    if first is None:  # a time that ends with the plot is nearer to the one before: it is left out
        first = len(ticks) % 2 if len(ticks) > 1 and ticks[-1][0] > LAST_MIDDLE else 0
    for number, (across, tick) in enumerate(ticks):
        if lines:
            canvas.upright(across, "gl")
        has_room = lines or across >= 0.03  # in the gutter of the values, which a timeline has not
        anchor = "end" if across > LAST_MIDDLE else "middle" if has_room else "start"
        minor = (number - first) % 2 == 1
        canvas.text(Place(across, 1, 0, 19), tick.text, anchor, "strong" if tick.strong else "", minor)


def anchored(across: float) -> str:
    """How a text stands so that it stays within the plot."""
    return "start" if across < 0.08 else "end" if across > 0.92 else "middle"
