"""Timelines: rows of states, each from one time to another, with a total at the end. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup, escape

from reporting.charts.canvas import Canvas, Place, hatch, style_class
from reporting.charts.chart import draw_times
from reporting.charts.fluid import FluidCanvas
from reporting.charts.model import Interval, visible
from reporting.charts.over_time import TimedChart
from reporting.charts.times import TimeAxis, describe_time
from reporting.formatting import format_length

ROW, FILL, GAP = 52, 0.46, 0.2  # pixels of a row in a file; how much of it are its band and the gap below
LEAST = 0.0015  # of the width, so that a short state is seen


class StateSpan(NamedTuple):
    """A state from one time to another. `number` is its style; 0: the quiet one, such as off."""

    start: float
    end: float
    text: str
    number: int = 1


class TimelineRow(NamedTuple):
    """The states of one thing, oldest first, and their total as text; what has no span is unknown."""

    label: str
    spans: Sequence[StateSpan]
    total: str = ""
    href: str = ""
    silent: Sequence[Interval] = ()


@dataclass(frozen=True)
class TimelineData:
    """What a timeline shows, between two times in unix seconds."""

    title: str
    rows: Sequence[TimelineRow]
    since: float
    until: float
    caption: str = ""


@dataclass(kw_only=True)
class Timeline(TimedChart):
    """Drawn rows of states."""

    rows: list[TimelineRow]
    caption_is_in_rows: bool = False  # it says what the rows of a page say themselves

    kind = "timeline"

    @property
    def data(self) -> dict[str, object]:
        """As Chart has it."""
        return {**super().data, "rows": len(self.rows)}

    @property
    def has_hatch(self) -> bool:
        """As Chart has it."""
        return any(row.silent for row in self.rows)

    @property
    def file_height(self) -> int:
        """As Chart has it."""
        return ROW * len(self.rows)

    def draw(self, canvas: Canvas) -> None:
        """As Chart has it: each row with its name above, as a file shows them."""
        self._draw_axis(canvas)
        room = 1 / len(self.rows)
        for place, row in enumerate(self.rows):
            canvas.text(Place(0, place * room, 0, 11), row.label, "start", "ink")
            if row.total:
                canvas.text(Place(1, place * room, 0, 11), row.total, "end")
            self._draw_row(canvas, row, (place + 1 - FILL - GAP) * room, FILL * room)

    def row_svg(self, place: int) -> Markup:
        """The band of one row, for a page that has its name and total beside it."""
        row = self.rows[place]
        key = f"{self.key}-{place}"
        canvas = FluidCanvas(self.box, key)
        self._draw_row(canvas, row, 0, 1)
        pattern = hatch(key) if row.silent else ""
        label = f"{row.label}: {row.total}" if row.total else row.label
        return Markup(  # every text was escaped
            f'<svg class="drawing of-row" role="img" tabindex="0" aria-label="{escape(label)}">{pattern}'
            f'{"".join(canvas.parts)}<g class="cursor" data-keep=""></g></svg>'
        )

    def axis_svg(self) -> Markup:
        """The times below the rows."""
        canvas = FluidCanvas(self.box, self.key)
        self._draw_axis(canvas)
        return Markup(f'<svg class="times" aria-hidden="true">{"".join(canvas.parts)}</svg>')

    def _draw_axis(self, canvas: Canvas) -> None:
        ticks = [(self.times.share(tick.at), tick) for tick in self.times.ticks()]
        draw_times(canvas, ticks, lines=False)

    def _draw_row(self, canvas: Canvas, row: TimelineRow, top: float, height: float) -> None:
        canvas.group("states", row.label)
        canvas.bar(0, top, 1, height, "track")
        for span in visible(row.silent, self.since, self.until):
            left = self.times.share(span.start)
            canvas.bar(left, top, self.times.share(span.end) - left, height, "silent")
        for one in row.spans:
            self._draw_span(canvas, one, top, height)
        canvas.end_group()

    def _draw_span(self, canvas: Canvas, span: StateSpan, top: float, height: float) -> None:
        if span.end < self.since or span.start > self.until:
            return
        left = self.times.share(max(span.start, self.since))
        width = max(self.times.share(min(span.end, self.until)) - left, LEAST)
        kind = f"span {style_class(span.number)}" if span.number else "off"
        title = (
            f"{span.text}, {describe_time(span.start, self.times.timezone)}, "
            f"{format_length(span.end - span.start)}"
        )
        canvas.bar(min(left, 1 - width), top, width, height, kind, title)


def draw_timeline(data: TimelineData, timezone: str) -> Timeline | None:
    """The rows with local times below them; None where no row has a state."""
    rows = [row for row in data.rows if row.spans]
    if not rows:
        return None
    totals = "; ".join(f"{row.label} {row.total}".strip() for row in rows) + "."
    times = TimeAxis(data.since, data.until, timezone)
    return Timeline(
        title=data.title,
        unit="",
        caption=data.caption or totals,
        times=times,
        rows=rows,
        caption_is_in_rows=not data.caption,
    )
