"""Volts of cells over the share of their charge that was used, and tables by which firmwares read them.

For `benchmarks.training_discharges` and `benchmarks.training_cells`.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.battery_voltage import CURVES as OWN_TABLES
from ingest.forecast.curves import VOLT_CURVES

Random = np.random.Generator
Array = NDArray[np.float64]
Table = tuple[tuple[float, float], ...]  # volts, per cent
STEPS = 400
TIME: Array = np.linspace(0, 1, STEPS + 1)
# How often each is drawn.
USUAL = {"alkaline": 0.36, "lithium": 0.26, "lipo": 0.19, "nimh": 0.14, "lifepo4": 0.05}
SAME_VOLTS = 0.35  # a cell and a table that differ by less go together


class Curve(NamedTuple):
    """Volts of a cell over the share of its charge; what sketches call full and empty, with the spread."""

    chemistry: str
    full: tuple[float, float]
    empty: tuple[float, float]
    volts: Array


def _of(chemistry: str, full: tuple[float, float], empty: tuple[float, float], points: str) -> Curve:
    pairs = [tuple(map(float, point.split(":"))) for point in points.split()]
    used, volts = zip(*pairs, strict=True)
    return Curve(chemistry, full, empty, np.interp(TIME, used, volts))


ALKALINE = ("alkaline", (1.54, 0.07), (0.99, 0.125))
COIN = ("lithium", (3.0, 0.115), (2.2, 0.29))
NIMH = ("nimh", (1.38, 0.06), (1.02, 0.09))
LIPO = ("lipo", (4.2, 0.07), (3.25, 0.23))
IRON = ("lifepo4", (3.4, 0.06), (2.9, 0.2))
CURVES = (
    *(
        Curve(
            one.chemistry,
            (one.full.volts, one.full.spread),
            (one.empty.volts, one.empty.spread),
            np.interp(TIME, np.linspace(0, 1, len(one.volts)), one.volts),
        )
        for one in VOLT_CURVES
    ),
    # Tables of hobby projects, and cells at the few microamperes of a node that sleeps.
    _of(*ALKALINE, "0:1.6 .1:1.45 .2:1.4 .3:1.35 .4:1.3 .5:1.27 .6:1.24 .7:1.2 .8:1.15 .9:1.1 1:.9"),
    _of(*ALKALINE, "0:1.58 .02:1.53 .1:1.46 .3:1.36 .5:1.28 .7:1.2 .85:1.13 .95:1.02 1:.8"),
    _of(*COIN, "0:3.2 .02:3.05 .1:2.98 .4:2.93 .7:2.86 .84:2.77 .92:2.62 .97:2.36 1:1.95"),
    _of(*COIN, "0:3.05 .05:2.95 .5:2.88 .8:2.8 .9:2.65 .96:2.4 1:2"),
    _of(*NIMH, "0:1.44 .04:1.36 .15:1.31 .4:1.28 .65:1.255 .8:1.23 .9:1.19 .95:1.14 .98:1.08 1:.98"),
    _of(*NIMH, "0:1.4 .1:1.3 .5:1.25 .8:1.2 .9:1.15 1:1"),
    _of(
        *LIPO,
        "0:4.2 .05:4.15 .1:4.11 .15:4.08 .2:4.02 .25:3.98 .3:3.95 .35:3.91 .4:3.87 .5:3.84 .6:3.8 .7:3.77"
        " .8:3.73 .9:3.69 .95:3.61 1:3.27",
    ),
    # Data sheets: FDK CR14250SE, Panasonic BK-1100FHU (NiMH); the mean of five alkaline 6LR61, measured.
    _of(
        *COIN,
        "0:2.985 .1:2.965 .2:2.96 .3:2.955 .4:2.949 .5:2.927 .6:2.882 .7:2.812 .8:2.689 .9:2.444 1:1.906",
    ),
    _of(*NIMH, "0:1.42 .1:1.315 .2:1.274 .3:1.266 .5:1.257 .6:1.254 .7:1.244 .8:1.231 .9:1.194 1:1.004"),
    _of(
        *ALKALINE,
        "0:1.55 .04:1.46 .08:1.42 .17:1.36 .25:1.31 .33:1.28 .5:1.23 .67:1.18 .79:1.14 .88:1.11 .96:1.05 1:1",
    ),
    # Recorded in nodes and under small loads: NiMH with a low plateau, a LiPo that falls evenly, a LiFePO4.
    _of(
        *("nimh", (1.3, 0.06), (1.0, 0.06)),
        "0:1.31 .1:1.21 .3:1.18 .5:1.165 .7:1.15 .8:1.145 .9:1.12 .95:1.1 .98:1.06 1:.92",
    ),
    _of(*LIPO, "0:4.2 .1:4.06 .3:3.9 .5:3.82 .7:3.7 .8:3.58 .9:3.44 .95:3.26 .98:3.06 1:2.74"),
    _of(*IRON, "0:3.385 .1:3.278 .3:3.212 .5:3.183 .7:3.156 .8:3.118 .9:3.079 .95:3.06 1:3.027"),
    # As they are usually drawn: a LiPo that is flat until its end, lithium and iron phosphate.
    _of(
        *LIPO,
        "0:4.2 .05:4.13 .1:4.08 .2:3.99 .3:3.92 .4:3.86 .5:3.82 .6:3.79 .7:3.76 .8:3.72 .9:3.66 .95:3.56"
        " .98:3.4 1:3.05",
    ),
    _of(*IRON, "0:3.44 .02:3.36 .1:3.333 .3:3.31 .5:3.293 .7:3.26 .8:3.225 .89:3.17 .94:3.1 .97:2.95 1:2.45"),
    # Lithium and iron disulphide, lithium and thionyl chloride.
    _of(
        *("lithium", (1.65, 0.115), (1.05, 0.14)),
        "0:1.76 .03:1.66 .2:1.6 .5:1.55 .75:1.5 .88:1.44 .94:1.34 .97:1.2 1:.85",
    ),
    _of(*("lithium", (3.6, 0.035), (2.6, 0.4)), "0:3.67 .06:3.64 .6:3.6 .86:3.54 .94:3.4 .975:3.05 1:1.9"),
)


# Volts that firmwares and sketches take for per cents, by chemistry: those of the product and usual ones.
TABLES: dict[str, tuple[str, ...]] = {
    "alkaline": (
        ".95:0 1.05:8 1.15:22 1.25:45 1.35:68 1.45:86 1.55:100",
        ".9:0 1:10 1.1:20 1.2:50 1.3:85 1.4:95 1.6:100",
    ),
    "lithium": (
        "2:0 2.4:10 2.5:20 2.6:30 2.7:40 2.8:60 2.9:80 3:100",
        "2.3:0 2.5:10 2.6:20 2.8:50 2.9:75 3:100",
    ),
    "lipo": (
        "3.27:0 3.61:5 3.69:10 3.71:15 3.73:20 3.75:25 3.77:30 3.79:35 3.8:40 3.82:45 3.84:50 3.85:55 3.87:60"
        " 3.91:65 3.95:70 3.98:75 4.02:80 4.08:85 4.11:90 4.15:95 4.2:100",
        "3.1:0 3.3:10 3.42:20 3.53:30 3.63:40 3.72:50 3.8:60 3.89:70 3.99:80 4.05:90 4.19:100",
        "3.5:0 3.55:10 3.59:20 3.61:30 3.64:40 3.71:50 3.79:60 3.88:70 3.97:80 4.08:90 4.2:100",
        "3.2:0 3.3:2 3.4:5 3.5:10 3.6:20 3.7:40 3.75:50 3.8:60 3.9:75 4.05:90 4.2:100",
    ),
    "lifepo4": ("2.5:0 3.2:10 3.24:20 3.26:30 3.27:40 3.28:50 3.3:60 3.32:70 3.34:80 3.4:90 3.65:100",),
}
OWN_TABLE = {
    "alkaline": "alkaline",
    "lithium": "cr2032",
    "lipo": "lithium",
    "nimh": "nimh",
    "lifepo4": "lifepo4",
}


def _pairs(points: str) -> Table:
    found = (point.split(":") for point in points.split())
    return tuple((float(volts), float(level)) for volts, level in found)


def chance(rnd: Random, share: float) -> bool:
    """True so often."""
    return bool(rnd.random() < share)


def even(rnd: Random, low: float, high: float) -> float:
    """A value whose logarithm is even between these."""
    return math.exp(rnd.uniform(math.log(low), math.log(high)))


def two_cells(rnd: Random, chemistry: str) -> tuple[Curve, Curve]:
    """A cell of this chemistry, and another of about the same volts, or the same."""
    own = [curve for curve in CURVES if curve.chemistry == chemistry]
    curve = own[rnd.integers(len(own))]
    like = [one for one in own if abs(one.full[0] - curve.full[0]) < 0.1]
    return curve, like[rnd.integers(len(like))]


def mixed_volts(used: Array, cell: Curve, other: Curve, share: float) -> Array:
    """The volts of a cell that is like these two, the second by this share."""
    return (1 - share) * np.interp(used, TIME, cell.volts) + share * np.interp(used, TIME, other.volts)


def table_of(rnd: Random, curve: Curve) -> Table | None:
    """A table by which a firmware may read the volts of such a cell, if there is one for its volts."""
    tables = [OWN_TABLES[OWN_TABLE[curve.chemistry]], *map(_pairs, TABLES.get(curve.chemistry, ()))]
    table = tables[rnd.integers(len(tables))]
    return table if abs(table[-1][0] - curve.full[0]) < SAME_VOLTS else None


def drift(rnd: Random, count: int, kept: float) -> Array:
    """Noise of which each day keeps a share."""
    found, value = np.zeros(count), 0.0
    for day, step in enumerate(rnd.normal(0, 1, count)):
        value = kept * value + step
        found[day] = value
    return found
