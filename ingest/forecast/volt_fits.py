"""Discharge curves of chemistries laid over the levels of a node. Pure.

A sketch makes a level of volts by a line between what it calls empty and full. For each place on a curve
that the battery may have reached, that line is found by least squares, with what sketches usually call full
and empty as two further observations. It tells where on the curve the level comes to 0.
"""

from collections.abc import Iterator, Sequence
from math import log1p
from typing import NamedTuple

from ingest.forecast.curves import STEPS, VoltCurve

STARTS = ((0.0, 1.0), (0.05, 0.4), (0.2, 0.1))  # share of the charge used before the first level, weight
COARSE, FINE = 20, 14  # places that are tried over a whole curve, and where they agree best
NEAR = 12.0  # of the logarithm: what agrees by so much less is left out
FULL = 99.5  # per cent: a level that may have been cut off at 100
LEFT_AT = 0.5  # a level below this is reported as 0


class Knot(NamedTuple):
    """Some days as one: where they lie between the first and the last (0 to 1), their level, its error."""

    place: float
    level: float
    error: float


class Fit(NamedTuple):
    """A course laid over the levels: the shares of its life at the first and the last of them."""

    name: str
    start: float
    now: float
    log_likelihood: float
    weight: float


def fits_of_volts(curve: VoltCurve, knots: Sequence[Knot], weight: float, least: float) -> list[Fit]:
    """The places on a curve that agree with the levels, and what each is worth.

    A curve whose logarithm stays below `least` is left out.
    """
    found = []
    for start, share in STARTS:
        width = (1 - start) / COARSE
        coarse = [(now, _fit(curve, knots, start, now)) for now in _places(start, 1.0, COARSE)]
        best = max((one.log_likelihood for _, one in coarse if one), default=None)
        if best is None or best < least:
            continue
        likely = [now for now, one in coarse if one and one.log_likelihood > best - NEAR]
        low, high = max(start, likely[0] - width), min(1.0, likely[-1] + width)
        step = (high - low) / FINE
        for now in _places(low, high, FINE):
            one = _fit(curve, knots, start, now)
            if one and one.log_likelihood > best - NEAR:
                found.append(one._replace(weight=weight * share * step))
    return found


def _places(low: float, high: float, count: int) -> Iterator[float]:
    return (low + (high - low) * (step + 0.5) / count for step in range(count))


def _fit(curve: VoltCurve, knots: Sequence[Knot], start: float, now: float) -> Fit | None:
    """The line from volts to levels for this place; None where the level would be 0 already."""
    if now - start < 0.01:
        return None
    table, base, rise = curve.volts, start * STEPS + 0.5, (now - start) * STEPS
    volts = [table[int(base + rise * place)] for place, _, _ in knots]
    full, empty = curve.full, curve.empty
    per_volt = 100 / (full.volts - empty.volts)
    trust = (1 / (per_volt * full.spread) ** 2, 1 / (per_volt * empty.spread) ** 2)
    # Sums of weights, volts above empty, levels, and their products.
    width = full.volts - empty.volts
    sum_w, sum_v, sum_l = trust[0] + trust[1], trust[0] * width, trust[0] * 100
    sum_vv, sum_vl = trust[0] * width * width, trust[0] * width * 100
    for at, (_, level, error) in zip(volts, knots, strict=True):
        if level < FULL:
            weight, above = 1 / (error * error), at - empty.volts
            sum_w += weight
            sum_v += weight * above
            sum_l += weight * level
            sum_vv += weight * above * above
            sum_vl += weight * above * level
    slope = (sum_w * sum_vl - sum_v * sum_l) / (sum_w * sum_vv - sum_v * sum_v)
    if slope <= 0:
        return None
    zero = empty.volts - (sum_l - slope * sum_v) / sum_w / slope  # the volts at a level of 0
    end = curve.used_at(zero + LEFT_AT / slope)
    if end <= now:
        return None
    log = -trust[0] * (slope * (full.volts - zero) - 100) ** 2 / 2
    log -= trust[1] * (slope * (empty.volts - zero)) ** 2 / 2
    for at, (_, level, error) in zip(volts, knots, strict=True):
        distance = (min(100.0, slope * (at - zero)) - level) / error
        log -= 2.5 * log1p(distance * distance / 4)
    return Fit(curve.name, start / end, now / end, log, 0.0)
