"""Quantiles of the days left by a small network of two hidden layers. Pure but for its weights, read once.

`benchmarks/train_forecast.py` trains it on simulated discharges of many kinds, with the features of
`ingest.forecast.features`, and writes its weights.
"""

import json
import math
from array import array
from base64 import b64decode
from collections.abc import Sequence
from functools import lru_cache
from operator import mul
from pathlib import Path
from struct import iter_unpack
from typing import NamedTuple

from ingest.forecast.features import features
from ingest.forecast.knots import DayLevel

FILE = Path(__file__).with_name("network.json")
MOST = 5.0  # deviations of a feature from its mean
LEAK = 0.1  # of a value below 0 that a hidden layer passes on
ADDED_DAYS = 2.0  # the outputs are logarithms of the days left and these


class NetworkLayer(NamedTuple):
    """For each output the weight of each input, and its bias."""

    weights: Sequence[Sequence[float]]
    biases: Sequence[float]

    def apply(self, values: Sequence[float]) -> list[float]:
        """The outputs for these inputs."""
        return [
            bias + sum(map(mul, weights, values))
            for weights, bias in zip(self.weights, self.biases, strict=True)
        ]


class Network(NamedTuple):
    """The layers; the mean of each feature, and its deviation."""

    means: Sequence[float]
    deviations: Sequence[float]
    layers: Sequence[NetworkLayer]


@lru_cache(maxsize=1)
def network() -> Network:
    """The network, from its file: the weights are numbers of 16 bits, those of an output together."""
    found = json.loads(FILE.read_text(encoding="ascii"))
    layers = [
        NetworkLayer(
            [array("f", row) for row in iter_unpack(f"<{layer['inputs']}e", b64decode(layer["weights"]))],
            array("f", layer["biases"]),
        )
        for layer in found["layers"]
    ]
    return Network(found["means"], found["deviations"], layers)


def days_left(days: Sequence[DayLevel], chemistry: str) -> tuple[float, float, float]:
    """The low end of the interval, the middle and the high end: days from the last level until it is 0."""
    means, deviations, layers = network()
    values = [
        min(MOST, max(-MOST, (value - mean) / deviation))
        for value, mean, deviation in zip(features(days, chemistry), means, deviations, strict=True)
    ]
    for layer in layers[:-1]:
        values = [max(value, LEAK * value) for value in layer.apply(values)]
    low, middle, high = (max(0.0, math.exp(one) - ADDED_DAYS) for one in sorted(layers[-1].apply(values)))
    return low, middle, high
