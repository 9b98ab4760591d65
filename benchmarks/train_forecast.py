"""Train the network of the battery forecast (`ingest/forecast/network.json`) on simulated discharges.

Run: pip install numpy; python benchmarks/train_forecast.py [--count 150000] [--seed 31] [--jobs 2]
                                                            [--without KIND ...] [--file FILE]
Each of `benchmarks.training_discharges` is cut at seven days between 8 and 500 days before its end; so are
discharges of the kinds of `benchmarks.discharges`, two of seven, with seeds that `benchmarks/forecast.py`
does not use; --without leaves some of these kinds out, or all, so that it can be measured how good forecasts
of a kind are that the network does not know. What is minimised is the pinball loss of three quantiles of the
logarithm of the days left: their mean deviation, so weighted that just the wanted share of ends comes before
each.
"""

import argparse
import json
import math
import random
import sys
import time
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from multiprocessing import Pool
from pathlib import Path
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.discharges import GENERATORS
from benchmarks.training_discharges import LEAST_END, discharge
from ingest.forecast.estimate import too_little
from ingest.forecast.features import features
from ingest.forecast.knots import DayLevel
from ingest.forecast.network import ADDED_DAYS, FILE, LEAK, MOST

QUANTILES = np.array([0.08, 0.47, 0.86], np.float32)
OF_KNOWN = np.array([0.095, 0.47, 0.815], np.float32)  # of the kinds of `discharges`
CUTS, NEAREST, FARTHEST, LEAST_DAYS = 7, 8, 500, 8
KNOWN_SHARE = 0.4  # discharges of the kinds of `discharges` for each that is drawn
HIDDEN, EPOCHS, BATCH = (192, 96), 20, 256
RATE, WARM_UP, DECAY, JITTER, SOFT = 2e-3, 300, 1e-4, 0.1, 0.02
HELD_OUT = 8000  # examples that are not trained on, to print how good it is
Array = NDArray[np.float32]
Example = tuple[list[float], float]


def drawn(number: int, seed: int) -> tuple[str, list[DayLevel], float] | None:
    """The chemistry that is set, the days, and the day of the first 0, of `training_discharges`."""
    made = discharge(np.random.default_rng([seed, number]))
    if made is None:
        return None
    days = zip(made.days, made.levels, made.lowest, strict=True)
    return (
        made.chemistry,
        [DayLevel(float(day), float(level), float(low)) for day, level, low in days],
        made.end,
    )


def known(number: int, seed: int, kinds: Sequence[str]) -> tuple[str, list[DayLevel], float] | None:
    """The same of a kind of `discharges`."""
    kind = kinds[number % len(kinds)]
    chemistry, days = GENERATORS[kind](random.Random(f"training {seed} {kind} {number}"))
    if days[-1][1] != [0.0] or days[-1][0] < LEAST_END:
        return None
    found = [DayLevel(float(day), median(levels), min(levels)) for day, levels in days[:-1]]
    return chemistry, found, days[-1][0]


def examples_of(number: int, seed: int, kinds: Sequence[str]) -> list[Example]:
    """Features and days left of a discharge at some days before its end: of one of `kinds`, or drawn."""
    found, made = [], known(number, seed, kinds) if kinds else drawn(number, seed)
    if made is None:
        return []
    chemistry, days, end = made
    ages = [day.day for day in days]
    rnd = np.random.default_rng([seed, number, len(kinds)])
    for left in np.exp(rnd.uniform(math.log(NEAREST), math.log(FARTHEST), CUTS)):
        before = days[: bisect_right(ages, end - left)]
        if len(before) >= LEAST_DAYS and not too_little(before):
            found.append((features(before, chemistry), end - before[-1].day))
    return found


def examples(count: int, seed: int, jobs: int, kinds: Sequence[str]) -> tuple[Array, Array, Array]:
    """Features of all, days left, and the quantiles that are wanted; those that are drawn first."""
    inputs, left, wanted = [], [], []
    with Pool(jobs) as pool:
        for some_kinds, many in (((), count), (tuple(kinds), int(count * KNOWN_SHARE) * bool(kinds))):
            make = partial(examples_of, seed=seed, kinds=some_kinds)
            for some in pool.imap(make, range(many), chunksize=100):
                for values, days in some:
                    inputs.append(np.array(values, np.float32))
                    left.append(days)
                    wanted.append(OF_KNOWN if some_kinds else QUANTILES)
    return np.array(inputs), np.array(left, np.float32), np.array(wanted)


class Network:
    """Layers of weights, trained by Adam with a rate that falls to 0."""

    def __init__(self, sizes: list[int], targets: Array, rnd: np.random.Generator) -> None:
        self.weights = [
            rnd.normal(0, math.sqrt(1.6 / rows), (rows, columns)).astype(np.float32)
            for rows, columns in pairwise(sizes)
        ]
        self.weights[-1] *= 0.2
        self.biases = [np.zeros(columns, np.float32) for columns in sizes[1:]]
        self.biases[-1] += np.quantile(targets, QUANTILES).astype(np.float32)
        self._parameters = self.weights + self.biases
        self._means = [np.zeros_like(one) for one in self._parameters]
        self._squares = [np.zeros_like(one) for one in self._parameters]
        self._steps = 0

    def outputs(self, inputs: Array) -> list[Array]:
        """What comes out of each layer, the inputs first."""
        found = [inputs]
        for number, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            out = found[-1] @ weights + biases
            found.append(out if number == len(self.weights) else np.maximum(out, LEAK * out))
        return found

    def step(self, inputs: Array, targets: Array, wanted: Array, rate: float) -> None:
        """One step along the gradient of the pinball loss of the quantiles that are wanted."""
        outputs = self.outputs(inputs)
        distances = targets[:, None] - outputs[-1]
        slope = -(np.clip(distances / SOFT, -1, 1) / 2 + wanted - 0.5) / len(inputs)
        of_weights, of_biases = [], []
        for number in range(len(self.weights) - 1, -1, -1):
            of_weights.insert(0, outputs[number].T @ slope)
            of_biases.insert(0, slope.sum(0))
            slope = (slope @ self.weights[number].T) * np.where(outputs[number] > 0, 1, LEAK).astype("f")
        self._steps += 1
        for number, gradient in enumerate(of_weights + of_biases):
            one, decay = self._parameters[number], DECAY if number < len(self.weights) else 0.0
            self._means[number] = 0.9 * self._means[number] + 0.1 * gradient
            self._squares[number] = 0.999 * self._squares[number] + 0.001 * gradient**2
            usual = np.sqrt(self._squares[number] / (1 - 0.999**self._steps)) + 1e-8
            one -= rate * (self._means[number] / (1 - 0.9**self._steps) / usual + decay * one)


def train(inputs: Array, targets: Array, wanted: Array, seed: int) -> Network:
    """The network that was trained on these."""
    rnd = np.random.default_rng(seed)
    network = Network([inputs.shape[1], *HIDDEN, len(QUANTILES)], targets, rnd)
    batches = len(inputs) // BATCH
    for epoch in range(EPOCHS):
        order = rnd.permutation(len(inputs))
        for number in range(batches):
            some, done = order[number * BATCH : (number + 1) * BATCH], epoch * batches + number + 1
            rate = RATE * min(1, done / WARM_UP) * (1 + math.cos(math.pi * done / (EPOCHS * batches))) / 2
            jitter = rnd.normal(0, JITTER, (BATCH, inputs.shape[1])).astype(np.float32)
            network.step(inputs[some] + jitter, targets[some], wanted[some], rate)
    return network


def save(network: Network, means: Array, deviations: Array, file: Path) -> None:
    """Write a file that the forecast reads."""
    layers = [
        {
            "inputs": len(weights),
            "weights": b64encode(weights.T.astype("<f2").tobytes()).decode("ascii"),
            "biases": biases.tolist(),
        }
        for weights, biases in zip(network.weights, network.biases, strict=True)
    ]
    found = {"means": means.tolist(), "deviations": deviations.tolist(), "layers": layers}
    rounded = json.loads(json.dumps(found), parse_float=lambda one: float(f"{float(one):.4g}"))
    file.write_text(json.dumps(rounded, indent=0) + "\n", encoding="ascii")


def main() -> None:
    """Make the examples, train, save, and print how good it is on those that were held out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=150_000, help="discharges")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--without", nargs="+", choices=[*GENERATORS, "all"], default=[])
    parser.add_argument("--file", type=Path, default=FILE)
    options = parser.parse_args()
    kinds = [kind for kind in GENERATORS if not {kind, "all"} & set(options.without)]
    started = time.monotonic()
    inputs, left, wanted = examples(options.count, options.seed, options.jobs, kinds)
    print(f"{len(inputs)} examples, {time.monotonic() - started:.0f} s", flush=True)
    means, deviations = inputs[HELD_OUT:].mean(0), inputs[HELD_OUT:].std(0) + 1e-3
    inputs = np.clip((inputs - means) / deviations, -MOST, MOST)
    targets = np.log(left + ADDED_DAYS)
    network = train(inputs[HELD_OUT:], targets[HELD_OUT:], wanted[HELD_OUT:], options.seed)
    save(network, means, deviations, options.file)
    found = np.exp(np.sort(network.outputs(inputs[:HELD_OUT])[-1], axis=1)) - ADDED_DAYS
    true = left[:HELD_OUT]
    print(
        f"held out: coverage {mean(map(float, (found[:, 0] <= true) & (true <= found[:, 2]))):.0%}, "
        f"width {median(map(float, (found[:, 2] - found[:, 0]) / true)):.0%}, "
        f"error {median(map(float, abs(found[:, 1] - true) / true)):.0%}, {time.monotonic() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
