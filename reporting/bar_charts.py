"""Bars and histograms as self-contained SVG, in the box of `reporting.charts`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from reporting.charts import HEIGHT, WIDTH, Mark, round_values
from reporting.formatting import NARROW_SPACE
from reporting.svg import render_bars


class Bar(NamedTuple):
    """A bar in the box, with the text that it stands for."""

    x: float
    width: float
    y: float
    height: float
    text: str


@dataclass(frozen=True)
class BarChart:
    """Bars side by side with texts below them, all of the colour `number`."""

    title: str
    unit: str
    caption: str
    bars: list[Bar]
    xs: list[Mark]
    number: int = 1

    def svg(self, standalone: bool = False) -> Markup:
        """The chart without its title."""
        return render_bars(self, standalone)


def draw_bars(values: Sequence[tuple[float | None, str]]) -> list[Bar]:
    """(value, text) as bars of the box; a value that is not known has a bar without height."""
    most = max((value for value, _ in values if value), default=0) or 1
    across = WIDTH / max(1, len(values))
    return [
        Bar(
            round(number * across + across * 0.1, 1),
            round(across * 0.8, 1),
            round(HEIGHT - (value or 0) / most * HEIGHT, 2),
            round((value or 0) / most * HEIGHT, 2),
            text,
        )
        for number, (value, text) in enumerate(values)
    ]


def draw_histogram(
    title: str, unit: str, counts: dict[int, int], low: int, high: int, step: float, number: int = 1
) -> BarChart:
    """How often a value lay in which bin, as bars of the share of all hours.

    `counts`: number of a bin, which begins at number x step -> hours; `low` and `high` are the first bin
    shown and the last. `number` is that of the colour.
    """
    total, most = sum(counts.values()), max(counts.values())
    usual = min(bin_number for bin_number, hours in counts.items() if hours == most)

    def span(first: int, last: int) -> str:
        return f"{first * step:g} to {(last + 1) * step:g}"

    shares = [(bin_number, counts.get(bin_number, 0)) for bin_number in range(low, high + 1)]
    left, width = low * step, (high + 1 - low) * step
    return BarChart(
        title,
        unit,
        f"all {span(min(counts), max(counts))}{NARROW_SPACE}{unit}, most often {span(usual, usual)}"
        f"{NARROW_SPACE}{unit}: {100 * most / total:.0f}{NARROW_SPACE}% of {total} hours.",
        draw_bars(
            [
                (
                    100 * hours / total,
                    f"{span(bin_number, bin_number)} {unit}: {hours} h, {100 * hours / total:.1f} %",
                )
                for bin_number, hours in shares
            ]
        ),
        [
            Mark(f"{value:g}", across=round((value - left) / width * 100, 2))
            for value in round_values(left, left + width)
        ],
        number,
    )
