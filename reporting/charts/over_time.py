"""What charts over time share: spans behind the plot with their lengths above it, and axes of time. Pure."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reporting.charts.canvas import Box, Canvas, Place
from reporting.charts.chart import Chart, Key, anchored, draw_times, draw_values
from reporting.charts.model import Interval, visible
from reporting.charts.scale import ValueAxis
from reporting.charts.times import TimeAxis
from reporting.formatting import format_length

APART = 0.16  # of the width: nearer to the unit no label is written
LETTER = 0.0145  # of the width: a letter of a label in the narrowest plot that has labels, with some air
LEAST_SHADE = 0.004  # of the width, so that a short outage is seen
ON_BATTERY, SILENT = "on battery", "silent"


class TimeMark(NamedTuple):
    """A time that is marked over the whole height, with a word above it."""

    at: float
    text: str


@dataclass(kw_only=True)
class TimedChart(Chart):
    """A chart from one time to another."""

    times: TimeAxis

    @property
    def since(self) -> float:
        """When it begins, unix seconds."""
        return self.times.since

    @property
    def until(self) -> float:
        """When it ends, unix seconds."""
        return self.times.until

    @property
    def data(self) -> dict[str, object]:
        """As Chart has it."""
        return {"kind": self.kind, "since": self.since, "until": self.until, "zone": self.times.timezone}


@dataclass(kw_only=True)
class TimeChart(TimedChart):
    """A chart with values over time; `of_any_day`: over the hours of no certain day."""

    values: ValueAxis
    shaded: Sequence[Interval] = ()
    silent: Sequence[Interval] = ()
    moments: Sequence[TimeMark] = ()
    of_any_day: bool = False
    keys: list[Key] = field(default_factory=list)

    covers = False  # what is drawn covers the spans behind it, so they are drawn over it

    @property
    def low(self) -> float:
        """The lower end of the axis."""
        return self.values.low

    @property
    def high(self) -> float:
        """The upper end of the axis."""
        return self.values.high

    @property
    def box(self) -> Box:
        """As Chart has it."""
        return Box(self.times.left, self.values.above, self.times.width, self.values.height)

    @property
    def data(self) -> dict[str, object]:
        """As Chart has it."""
        return {
            **super().data,
            "origin": self.times.origin,
            "second": self.times.quantum,
            "left": self.times.left,
            "width": self.times.width,
            "top": self.values.top,
            "quantum": self.values.quantum,
            "digits": self.values.digits,
            "above": self.values.above,
            "height": self.values.height,
            "unit": self.unit,
            **({"day": "any"} if self.of_any_day else {}),
        }

    def draw(self, canvas: Canvas) -> None:
        """As Chart has it: the spans, the axes, what is on them, and the labels above."""
        spans = [(span, "shade", ON_BATTERY) for span in visible(self.shaded, self.since, self.until)]
        spans += [(span, "silent", SILENT) for span in visible(self.silent, self.since, self.until)]
        if not self.covers:
            self._draw_spans(canvas, spans)
        draw_values(canvas, self.values, self.unit)
        draw_times(canvas, [(self.times.share(tick.at), tick) for tick in self.times.ticks()])
        self.draw_series(canvas)
        self._draw_moments(canvas)
        if self.covers:
            self._draw_spans(canvas, spans)
        self._draw_heads(canvas, spans)

    def _draw_spans(self, canvas: Canvas, spans: Sequence[tuple[Interval, str, str]]) -> None:
        """Each as a bar that is wide enough to be seen; those of a kind that would overlap are one."""
        for kind in ("shade", "silent"):
            bars: list[tuple[float, float]] = []
            for span in sorted(span for span, own, _ in spans if own == kind):
                left, right = self.times.share(span.start), self.times.share(span.end)
                left = min(left, 1 - LEAST_SHADE)
                right = max(right, left + LEAST_SHADE)
                if bars and left <= bars[-1][1]:
                    bars[-1] = bars[-1][0], max(right, bars[-1][1])
                else:
                    bars.append((left, right))
            for left, right in bars:
                canvas.bar(left, 0, right - left, 1, kind)

    def _draw_moments(self, canvas: Canvas) -> None:
        for moment in self.moments:
            across = self.times.share(moment.at)
            if 0 <= across <= 1:
                canvas.upright(across, "limit warning")
                canvas.text(Place(across, 0, 0, -8), moment.text, anchored(across), "warning", True)

    @abstractmethod
    def draw_series(self, canvas: Canvas) -> None:
        """Draw what the chart is about."""

    def _draw_heads(self, canvas: Canvas, spans: Sequence[tuple[Interval, str, str]]) -> None:
        """How long each span is, above it; the longest first where they stand close together."""
        written: list[tuple[float, float]] = []
        for span, kind, word in sorted(spans, key=lambda one: one[0].start - one[0].end):
            across = self.times.share((span.start + span.end) / 2)
            text = f"{word} {format_length(span.end - span.start)}"
            start, end = _extent(across, len(text) * LETTER)
            if across < APART / 2 or any(start < right and end > left for left, right in written):
                continue
            written.append((start, end))
            canvas.text(
                Place(across, 0, 0, -8), text, anchored(across), "warning" if kind == "shade" else "", True
            )


def _extent(across: float, width: float) -> tuple[float, float]:
    """Where a text of this width begins and ends, as parts of the width of the plot."""
    before = {"start": 0.0, "middle": width / 2, "end": width}[anchored(across)]
    return across - before, across - before + width


def span_keys(shaded: Sequence[Interval], silent: Sequence[Interval], times: TimeAxis) -> list[Key]:
    """The legend entries of the spans that are seen."""
    keys = []
    if visible(shaded, times.since, times.until):
        keys.append(Key(ON_BATTERY, "shade"))
    if visible(silent, times.since, times.until):
        keys.append(Key(SILENT, "silent"))
    return keys


def describe_shaded(shaded: Sequence[Interval], times: TimeAxis) -> list[str]:
    """How often and how long it was on battery, as a part of a caption."""
    lengths = [end - start for start, end in visible(shaded, times.since, times.until)]
    if not lengths:
        return []
    often = "once" if len(lengths) == 1 else f"{len(lengths)} times"
    return [f"on battery {often}, {format_length(sum(lengths))} in total"]
