"""Histograms: how often a value lay in which bin. Pure."""

from collections.abc import Mapping

from reporting.charts.bars import Bar, BarChart, BarData, BarTick, draw_bars
from reporting.charts.scale import round_ticks
from reporting.formatting import NARROW_SPACE

TICKS = 10  # below the bars, at most
LETTERS = 44  # of their texts with a space after each, at most: on the narrowest phone they do not touch
BINS = tuple(digit * 10**power for power in range(7) for digit in (1, 2, 5))  # between two of them


def draw_histogram(
    title: str,
    unit: str,
    counts: Mapping[int, int],
    low: int,
    high: int,
    step: float,
    number: int = 1,
    *,
    ghost: Mapping[int, int] | None = None,
    ghost_label: str = "before",
) -> BarChart:
    """How often a value lay in which bin, as bars of the share of all hours.

    `counts`: number of a bin, which begins at number x step -> hours; `low` and `high` are the first bin
    shown and the last. `number` is that of the colour. `ghost` are the hours of the period before.
    """
    total, most = sum(counts.values()), max(counts.values())
    usual = min(bin_number for bin_number, hours in counts.items() if hours == most)

    def span(first: int, last: int) -> str:
        return f"{first * step:g} to {(last + 1) * step:g}"

    bars = []
    for bin_number in range(low, high + 1):
        hours = counts.get(bin_number, 0)
        text = f"{span(bin_number, bin_number)} {unit}: {hours} h, {100 * hours / total:.1f} %"
        bars.append(Bar("", text, [100 * hours / total]))
    before = sum(ghost.values()) if ghost else 0
    data = BarData(
        title,
        "%",
        [],
        bars,
        [100 * (ghost or {}).get(place, 0) / before for place in range(low, high + 1)] if before else (),
        ghost_label=ghost_label,
        numbers=[number],
        digits=1,
        caption=f"all {span(min(counts), max(counts))}{NARROW_SPACE}{unit}, most often {span(usual, usual)}"
        f"{NARROW_SPACE}{unit}: {100 * most / total:.0f}{NARROW_SPACE}% of {total} hours.",
    )
    drawn = draw_bars(data)
    assert drawn is not None, "a histogram has a bar that is not empty"
    left, width = low * step, (high + 1 - low) * step
    for bins in BINS:
        texts = {value: f"{value:g}" for value in round_ticks(left, left + width, bins * step)}
        if (high + 1 - low) / bins <= TICKS and sum(len(text) + 1 for text in texts.values()) <= LETTERS:
            break
    drawn.xs = [BarTick(round((value - left) / width, 4), text) for value, text in texts.items()]
    return drawn
