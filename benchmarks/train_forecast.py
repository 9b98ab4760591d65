"""Train the network of the battery forecast (`ingest/forecast/network.json`) on simulated discharges.

Run: pip install numpy; python benchmarks/train_forecast.py [--count 110000] [--seed 31] [--jobs 2]
Each of `benchmarks.training_discharges` is cut at seven days between 8 and 500 days before its end. What is
minimised is the pinball loss of three quantiles of the logarithm of the days left: their mean deviation, so
weighted that just the wanted share of ends comes before each. `benchmarks/forecast.py` measures the result
with discharges of other generators.
"""

import argparse
import json
import math
import sys
import time
from functools import partial
from itertools import pairwise
from multiprocessing import Pool
from pathlib import Path
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.training_discharges import discharge
from ingest.forecast.estimate import too_little
from ingest.forecast.features import features
from ingest.forecast.knots import DayLevel
from ingest.forecast.network import ADDED_DAYS, FILE, LEAK, MOST

QUANTILES = np.array([0.06, 0.46, 0.84], np.float32)
CUTS, NEAREST, FARTHEST, LEAST_DAYS = 7, 8, 500, 8
HIDDEN, EPOCHS, BATCH = (96, 64), 20, 256
RATE, WARM_UP, DECAY, JITTER, SOFT = 2e-3, 300, 1e-4, 0.02, 0.02
HELD_OUT = 8000  # examples that are not trained on, to print how good it is
Array = NDArray[np.float32]


def examples_of(number: int, seed: int) -> list[tuple[list[float], float]]:
    """Features and days left of one discharge at some days before its end."""
    rnd = np.random.default_rng([seed, number])
    found, made = [], discharge(rnd)
    if made is None:
        return []
    days = [
        DayLevel(float(day), float(level), float(lowest))
        for day, level, lowest in zip(made.days, made.levels, made.lowest, strict=True)
    ]
    for left in np.exp(rnd.uniform(math.log(NEAREST), math.log(FARTHEST), CUTS)):
        known = days[: int(np.searchsorted(made.days, made.end - left, side="right"))]
        if len(known) >= LEAST_DAYS and not too_little(known):
            found.append((features(known, made.chemistry), made.end - known[-1].day))
    return found


def examples(count: int, seed: int, jobs: int) -> tuple[Array, Array]:
    """Features of all, and days left."""
    inputs, left = [], []
    with Pool(jobs) as pool:
        for some in pool.imap(partial(examples_of, seed=seed), range(count), chunksize=100):
            for values, days in some:
                inputs.append(np.array(values, np.float32))
                left.append(days)
    return np.array(inputs), np.array(left, np.float32)


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

    def step(self, inputs: Array, targets: Array, rate: float) -> None:
        """One step along the gradient of the pinball loss."""
        outputs = self.outputs(inputs)
        distances = targets[:, None] - outputs[-1]
        slope = -(np.clip(distances / SOFT, -1, 1) / 2 + QUANTILES - 0.5) / len(inputs)
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


def train(inputs: Array, targets: Array, seed: int) -> Network:
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
            network.step(inputs[some] + jitter, targets[some], rate)
    return network


def save(network: Network, means: Array, deviations: Array) -> None:
    """Write the file that the forecast reads."""
    lists = {
        "means": means.tolist(),
        "deviations": deviations.tolist(),
        "weights": [weights.T.tolist() for weights in network.weights],
        "biases": [biases.tolist() for biases in network.biases],
    }
    text = json.dumps(json.loads(json.dumps(lists), parse_float=lambda one: float(f"{float(one):.4g}")))
    FILE.write_text(text.replace("], ", "],\n") + "\n", encoding="ascii")


def main() -> None:
    """Make the examples, train, save, and print how good it is on those that were held out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=110_000, help="discharges")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    started = time.monotonic()
    inputs, left = examples(options.count, options.seed, options.jobs)
    print(f"{len(inputs)} examples, {time.monotonic() - started:.0f} s", flush=True)
    means, deviations = inputs[HELD_OUT:].mean(0), inputs[HELD_OUT:].std(0) + 1e-3
    inputs = np.clip((inputs - means) / deviations, -MOST, MOST)
    targets = np.log(left + ADDED_DAYS)
    network = train(inputs[HELD_OUT:], targets[HELD_OUT:], options.seed)
    save(network, means, deviations)
    found = np.exp(np.sort(network.outputs(inputs[:HELD_OUT])[-1], axis=1)) - ADDED_DAYS
    true = left[:HELD_OUT]
    print(
        f"held out: coverage {mean(map(float, (found[:, 0] <= true) & (true <= found[:, 2]))):.0%}, "
        f"width {median(map(float, (found[:, 2] - found[:, 0]) / true)):.0%}, "
        f"error {median(map(float, abs(found[:, 1] - true) / true)):.0%}, {time.monotonic() - started:.0f} s"
    )


if __name__ == "__main__":
    main()
