"""Back-test of the battery forecast on discharges that it has not seen: coverage, width, error, score.

Run: python benchmarks/forecast.py [--count 120] [--seed 8101] [--rounds 2] [--again] [--network FILE]
Each discharge is cut 90, 60, 30 and 14 days before its level comes to 0; the forecast of what is left is
compared with that day, and with a straight line through the levels since the change. Printed are all rounds,
and for all of them together whether each target is met. With --again each is the second discharge of a node
whose first one is known, at another rate. Seeds below 8000, and words, served to choose the constants and to
train the network; --network measures another one, such as one that was trained without one of the kinds.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.discharges import GENERATORS, Day, again
from ingest.forecast import network
from ingest.forecast.history import predict
from ingest.forecast.knots import DayLevel

HORIZONS = (90, 60, 30, 14)
OUTSIDE = 2 / 0.2  # the interval score of an 80 % interval: what a day outside of it costs
COVERAGE = (0.7, 0.9)
AT, WIDTH, ERROR = 30, 0.4, 0.15  # days; shares of the days left
LEAST_COUNT = 100
BEGIN = 738_000  # the first day, as an ordinal


class Result(NamedTuple):
    """A forecast against what came; the figures are shares of the days left, the scores days."""

    kind: str
    horizon: int
    inside: bool
    before: bool
    width: float
    error: float
    score: float
    line_score: float


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


class Made(NamedTuple):
    """A discharge with the chemistry that its owner has set or "", and the one before it, or nothing."""

    chemistry: str
    days: list[Day]
    before: list[Day]


def make(kind: str, seed: str, is_again: bool) -> Made:
    """A discharge of this kind."""
    rnd = random.Random(seed)
    chemistry, days = GENERATORS[kind](rnd)
    return Made(chemistry, again(rnd, days), days) if is_again else Made(chemistry, days, [])


def ask(kind: str, horizon: int, made: Iterable[Made]) -> list[Result]:
    """The forecasts of these discharges; those that have none are left out."""
    results = []
    for chemistry, days, before in made:
        found = cut(days, horizon)
        if found is None:
            continue
        known, true = found
        parts = [[DayLevel(BEGIN + day, median(levels), min(levels)) for day, levels in before]] * bool(
            before
        )
        begin = parts[0][-1].day + 3 if parts else BEGIN
        one = predict([*parts, [day._replace(day=begin + day.day) for day in known]], chemistry)
        if one.days is None or one.low is None or one.high is None:
            continue
        line = straight_line(known)
        low, high = one.low - 0.5, one.high + 0.5
        results.append(
            Result(
                kind,
                horizon,
                low <= true <= high,
                true < low,
                (one.high - one.low) / true,
                abs(one.days - true) / true,
                score(one.low, one.high, true),
                score(line[1], line[2], true),
            )
        )
    return results


def run_round(count: int, seed: int, is_again: bool) -> list[Result]:
    """A round: `count` discharges of each kind."""
    results = []
    for kind in GENERATORS:
        made = [make(kind, f"{seed}-{kind}-{number}", is_again) for number in range(count)]
        for horizon in HORIZONS:
            results += ask(kind, horizon, made)
    return results


def line_of(name: str, results: Sequence[Result], asked: int) -> str:
    """The figures of these results in a line."""
    if not results:
        return f"{name:20} no forecast"
    inside, before = mean(one.inside for one in results), mean(one.before for one in results)
    own, line = mean(one.score for one in results), mean(one.line_score for one in results)
    return (
        f"{name:18} n {len(results):4} ({asked - len(results):4} without)  coverage {inside:4.0%} "
        f"(ends before {before:4.0%})  width {median(one.width for one in results):4.0%}  "
        f"error {median(one.error for one in results):4.0%}  score {own:6.1f} (straight line {line:7.1f})"
    )


def verdict(results: Sequence[Result]) -> list[str]:
    """Whether each target is met, a line each."""
    lines = []
    for horizon in HORIZONS:
        own = [one for one in results if one.horizon == horizon]
        inside = mean(one.inside for one in own)
        better = mean(one.score for one in own) < mean(one.line_score for one in own)
        lines.append(_target(f"{horizon} days: at least {LEAST_COUNT} forecasts", len(own) >= LEAST_COUNT))
        lines.append(_target(f"{horizon} days: coverage {inside:.0%}", COVERAGE[0] <= inside <= COVERAGE[1]))
        lines.append(_target(f"{horizon} days: score better than a straight line's", better))
    own = [one for one in results if one.horizon == AT]
    width, error = median(one.width for one in own), median(one.error for one in own)
    lines.append(_target(f"{AT} days: median width {width:.0%} of the days left", width <= WIDTH))
    lines.append(_target(f"{AT} days: median error {error:.0%}", error <= ERROR))
    return lines


def _target(text: str, is_met: bool) -> str:
    return f"{'pass' if is_met else 'FAIL'}  {text}"


def report(results: Sequence[Result], asked: int) -> None:
    """Print a line for each kind and horizon; `asked`: discharges of each kind."""
    for kind in GENERATORS:
        for horizon in HORIZONS:
            own = [one for one in results if (one.kind, one.horizon) == (kind, horizon)]
            print(line_of(f"{kind:9} {horizon:3} days", own, asked))
    for horizon in HORIZONS:
        own = [one for one in results if one.horizon == horizon]
        print(line_of(f"all       {horizon:3} days", own, asked * len(GENERATORS)))


def main() -> None:
    """Print the rounds, then all of them together with the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=120, help="discharges of each kind and round")
    parser.add_argument("--seed", type=int, default=8101)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="the discharge before is known")
    parser.add_argument("--network", type=Path, default=network.FILE)
    options = parser.parse_args()
    network.FILE = options.network
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit or 'unknown'}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    every: list[Result] = []
    for number in range(options.rounds):
        started = time.process_time()
        results = run_round(options.count, options.seed + number, options.again)
        every += results
        print(f"round {number + 1}, seed {options.seed + number}, {time.process_time() - started:.0f} s CPU")
        report(results, options.count)
    if options.rounds > 1:
        print("all rounds")
        report(every, options.count * options.rounds)
    print("\n".join(verdict(every)))


if __name__ == "__main__":
    main()
