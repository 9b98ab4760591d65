"""Back-test of the battery forecast on discharges that it has not seen: coverage, width, error, score.

Run: python benchmarks/forecast.py [--count 150] [--seed 7001]
Each discharge is cut 90, 60, 30 and 14 days before its level comes to 0; the forecast of what is left is
compared with that day, and with a straight line through the levels since the change.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.discharges import GENERATORS, Day
from ingest.forecast.estimate import DayLevel, forecast, too_little

HORIZONS = (90, 60, 30, 14)
OUTSIDE = 2 / 0.2  # the interval score of an 80 % interval: what a day outside of it costs


def straight_line(days: Sequence[DayLevel]) -> tuple[float, float, float]:
    """Least squares through the levels: the days until 0, and 1.28 standard errors around it."""
    middle = mean(day.day for day in days)
    height = mean(day.level for day in days)
    squares = sum((day.day - middle) ** 2 for day in days)
    slope = sum((day.day - middle) * (day.level - height) for day in days) / squares
    if slope >= 0:
        return 1000.0, 0.0, 2000.0
    left = middle - height / slope - days[-1].day
    error = (
        sum((day.level - height - slope * (day.day - middle)) ** 2 for day in days) / max(1, len(days) - 2)
    ) ** 0.5
    distance = left + days[-1].day - middle
    half = 1.28 * error / -slope * (1 / len(days) + distance**2 / squares) ** 0.5
    return max(0.0, left), max(0.0, left - half), max(0.0, left + half)


def score(low: float, high: float, true: float) -> float:
    """The interval score, in days: the width, and ten for each day outside."""
    return high - low + OUTSIDE * (max(0.0, low - true) + max(0.0, true - high))


def cut(days: Sequence[Day], horizon: int) -> tuple[list[DayLevel], int] | None:
    """The days until `horizon` days before the end, and the days from the last of them to the end."""
    end = days[-1][0]
    known = [DayLevel(day, median(levels), min(levels)) for day, levels in days if day <= end - horizon]
    return (known, end - int(known[-1].day)) if known else None


def measure(generator: str, count: int, seed: int) -> list[str]:
    """A line for each horizon."""
    lines = []
    made = [GENERATORS[generator](random.Random(f"{seed}-{generator}-{number}")) for number in range(count)]
    for horizon in HORIZONS:
        inside = refused = 0
        widths, errors, scores, line_scores, below = [], [], [], [], 0
        for chemistry, days in made:
            found = cut(days, horizon)
            if found is None or too_little(found[0]):
                refused += 1
                continue
            known, true = found
            one = forecast(known, chemistry)
            inside += one.low - 0.5 <= true <= one.high + 0.5
            below += true < one.low - 0.5
            widths.append((one.high - one.low) / true)
            errors.append(abs(one.days - true) / true)
            scores.append(score(one.low, one.high, true))
            line = straight_line(known)
            line_scores.append(score(line[1], line[2], true))
        made_count = len(widths)
        lines.append(
            f"{generator:8} {horizon:3} days: {made_count:4} forecasts, {refused:3} without; "
            f"coverage {inside / made_count:4.0%} (ends before {below / made_count:4.0%}), "
            f"median width {median(widths):4.0%}, median error {median(errors):4.0%}, "
            f"score {mean(scores):6.1f} (straight line {mean(line_scores):6.1f})"
        )
    return lines


def main() -> None:
    """Print a line for each model and horizon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7001)
    options = parser.parse_args()
    for generator in GENERATORS:
        print("\n".join(measure(generator, options.count, options.seed)))


if __name__ == "__main__":
    main()
