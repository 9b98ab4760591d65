"""Bars: stacked by series with an axis, the period before as a ghost, and how much was measured. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from reporting.charts.canvas import Canvas, Place, style_class
from reporting.charts.chart import Chart, Key, draw_values
from reporting.charts.scale import ValueAxis, fit_axis, format_value, own_digits
from reporting.formatting import NARROW_SPACE, UNKNOWN

WIDE, NARROW = 0.78, 0.62  # of the room of a bar: without and before a ghost
MOST_TEXTS = 16  # below the bars
USUAL_WIDTH, LETTER = 600, 7  # pixels of the plot and of a letter
MARK_LINE = 0.002  # of the width: from a mark above its neighbours down to its bar
CAP = 0.004  # of the height: the edge on top of a ghost
TRACK, TRACK_DOWN = 0.012, 0.105  # of the height: the line that shows what was measured, below the texts


class Bar(NamedTuple):
    """A bar: the text below it, its title, and a value for each series, None where it was not measured.

    `mark` is written above it, such as `today`.
    """

    text: str
    title: str
    values: Sequence[float | None]
    mark: str = ""


@dataclass(frozen=True)
class BarData:
    """What a chart of bars shows.

    `labels` are the names of the series, the first at the bottom. `ghost` are the sums of the period before,
    bar by bar, called `ghost_label`; `measured` is the share, 0 to 1, of each bar's time that was measured.
    `numbers` are the styles of the series where they are not their places; `digits` the decimals of values.
    """

    title: str
    unit: str
    labels: Sequence[str]
    bars: Sequence[Bar]
    ghost: Sequence[float | None] = ()
    measured: Sequence[float | None] = ()
    ghost_label: str = "before"
    numbers: Sequence[int] = ()
    digits: int | None = None
    caption: str = ""

    def total(self, place: int) -> float | None:
        """The sum of a bar; None where nothing of it was measured."""
        known = [value for value in self.bars[place].values if value is not None]
        return sum(known) if known else None


class BarTick(NamedTuple):
    """A text below the bars at a share of the width."""

    across: float
    text: str


@dataclass(kw_only=True)
class BarChart(Chart):
    """Drawn bars."""

    values: ValueAxis
    source: BarData
    xs: list[BarTick] = field(default_factory=list)

    kind = "bars"

    @property
    def data(self) -> dict[str, object]:
        """As Chart has it."""
        return {"kind": self.kind, "unit": self.unit, "bars": len(self.source.bars)}

    def draw(self, canvas: Canvas) -> None:
        """As Chart has it."""
        draw_values(canvas, self.values, self.unit)
        room = 1 / len(self.source.bars)
        wide = NARROW if any(self.source.ghost) else WIDE
        for place, value in enumerate(self.source.ghost[: len(self.source.bars)]):
            if value:
                left, down = (place + 0.04) * room, self.values.share(value)
                canvas.bar(left, down, 0.92 * room, 1 - down, "gb")
                canvas.bar(left, down, 0.92 * room, CAP, "gt")
        for place in range(len(self.source.bars)):
            self._draw_bar(canvas, place, (place + (1 - wide) / 2) * room, wide * room)
        self._draw_measured(canvas, room)
        for number, tick in enumerate(self.xs):
            canvas.text(Place(tick.across, 1, 0, 19), tick.text, _anchor(tick.across), "", number % 2 == 1)
        for place, bar in enumerate(self.source.bars):
            title = "\n".join(describe_bar(self.source, place, self.values.digits))
            canvas.bar(place * room, 0, room, 1, "hit", title)
            if bar.mark:
                self._draw_mark(canvas, place, room)

    def _draw_mark(self, canvas: Canvas, place: int, room: float) -> None:
        """The mark of a bar: above its neighbours, too, where it is wider than the bar, with a line to it."""
        reach = ceil((len(self.source.bars[place].mark) * LETTER / USUAL_WIDTH / room - 1) / 2)
        first, last = max(0, place - 2 * reach), min(len(self.source.bars), place + reach + 1)
        own = self.values.share(self._height(place))
        top = self.values.share(max(self._height(one) for one in range(first, last)))
        across = (place + 0.5) * room
        if own - top > CAP:
            canvas.bar(across - MARK_LINE / 2, top, MARK_LINE, own - top, "gt")
        canvas.text(
            Place(across, top, 0, -5), self.source.bars[place].mark, _anchor(across), "ink halo", True
        )

    def _height(self, place: int) -> float:
        """The highest of a bar and its ghost."""
        ghost = self.source.ghost[place] if place < len(self.source.ghost) else None
        return max(self.source.total(place) or 0, ghost or 0)

    def _draw_bar(self, canvas: Canvas, place: int, left: float, width: float) -> None:
        below = 0.0
        for number, value in zip(_numbers(self.source), self.source.bars[place].values, strict=True):
            if value:
                top, bottom = self.values.share(below + value), self.values.share(below)
                canvas.bar(
                    left, min(top, bottom), width, abs(bottom - top), f"bar l{number} {style_class(number)}"
                )
                below += value

    def _draw_measured(self, canvas: Canvas, room: float) -> None:
        for place, share in enumerate(self.source.measured[: len(self.source.bars)]):
            if share is not None:
                left, width = (place + 0.04) * room, 0.92 * room
                canvas.bar(left, 1 + TRACK_DOWN, width, TRACK, "track")
                canvas.bar(left, 1 + TRACK_DOWN, width * min(1, max(0, share)), TRACK, "gt")


def _anchor(across: float) -> str:
    return "end" if across > 0.98 else "middle"  # on the left is the gutter


def _numbers(data: BarData) -> Sequence[int]:
    return data.numbers or range(1, len(data.labels) + 1)


def describe_bar(data: BarData, place: int, digits: int) -> list[str]:
    """What a bar shows, line by line: title, series, sum, the period before, what was measured."""
    bar, unit = data.bars[place], f"{NARROW_SPACE}{data.unit}" if data.unit else ""

    def text(value: float | None) -> str:
        return UNKNOWN if value is None else f"{format_value(value, digits)}{unit}"

    lines = [bar.title]
    if len(data.labels) > 1:
        lines += [f"{label}: {text(value)}" for label, value in zip(data.labels, bar.values, strict=True)][
            ::-1
        ]
        lines.append(f"All: {text(data.total(place))}")
    elif bar.values and data.labels:
        lines.append(f"{data.labels[0]}: {text(bar.values[0])}")
    if place < len(data.ghost) and any(one is not None for one in data.ghost):
        lines.append(f"{data.ghost_label}: {text(data.ghost[place])}")
    share = data.measured[place] if place < len(data.measured) else None
    if share is not None:
        lines.append(f"measured: {format_value(100 * share, 0)}{NARROW_SPACE}%")
    return lines


def draw_bars(data: BarData) -> BarChart | None:
    """Bars with an axis from zero; None where there is no bar or no value."""
    totals = [data.total(place) for place in range(len(data.bars))]
    known = [value for value in (*totals, *data.ghost) if value is not None]
    if not data.bars or all(value is None for value in totals):
        return None
    axis = _value_axis(data, known)
    caption, keys = data.caption or _caption(data, axis.digits), _keys(data)
    return BarChart(
        title=data.title, unit=data.unit, caption=caption, keys=keys, values=axis, source=data, xs=_xs(data)
    )


def _value_axis(data: BarData, known: Sequence[float]) -> ValueAxis:
    digits = data.digits
    if digits is None:
        digits = own_digits(value for bar in data.bars for value in bar.values if value is not None)
    axis = fit_axis(min(0.0, *known, 0.0), max(0.0, *known, 0.0), floor_at=0, digits=max(digits, 0))
    if data.digits is None:
        return axis
    return ValueAxis(axis.low, axis.high, axis.ticks, axis.step, data.digits, 10.0**-data.digits)


def _xs(data: BarData) -> list[BarTick]:
    """The texts below the bars, as many as have room."""
    texts = [(place, bar.text) for place, bar in enumerate(data.bars) if bar.text]
    longest = max((len(text) for _, text in texts), default=0)
    every = max(1, ceil(len(texts) / min(MOST_TEXTS, max(2, USUAL_WIDTH // (LETTER * (longest + 2))))))
    return [BarTick(round((place + 0.5) / len(data.bars), 4), text) for place, text in texts[::every]]


def _keys(data: BarData) -> list[Key]:
    keys = []
    if len(data.labels) > 1:
        keys = [Key(label, "area", number) for number, label in zip(_numbers(data), data.labels, strict=True)]
    if any(data.ghost):
        keys.append(Key(data.ghost_label, "before"))
    if any(share is not None for share in data.measured):
        keys.append(Key("measured", "measured"))
    return keys


def _caption(data: BarData, digits: int) -> str:
    totals = [value for place in range(len(data.bars)) if (value := data.total(place)) is not None]
    unit = f"{NARROW_SPACE}{data.unit}" if data.unit else ""
    whole, most = format_value(sum(totals), digits), format_value(max(totals), digits)
    return f"{whole}{unit} in all, at most {most}{unit}."
