"""A series of measurements over a period, and against the period before: figures and sentences. Pure.

Rows come from the canned queries channel_history and ups_history, so that what is said here can be computed
again from what they show.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ingest.db.time import parse_utc
from reporting.canned_queries import Row
from reporting.charts import Point
from reporting.formatting import NARROW_SPACE

DAY_S = 86_400
MOST_DECIMALS = 3
COUNTERS = frozenset(("V_KWH", "V_RAIN", "V_VOLUME"))  # they only grow
ENOUGH = 0.5  # of the hours of a period, to say how it was
PERIODS = {  # range -> the period, its verb, the period before
    "1 h": ("This hour", "was", "the hour before"),
    "24 h": ("These 24 hours", "were", "the 24 hours before"),
    "7 d": ("This week", "was", "the week before"),
    "30 d": ("These 30 days", "were", "the 30 days before"),
    "1 y": ("This year", "was", "the year before"),
    "5 y": ("These 5 years", "were", "the 5 years before"),
}
OTHER_PERIOD = ("This time", "was", "the same time before")
WORDS = {"°C": ("colder", "warmer"), "°F": ("colder", "warmer"), "K": ("colder", "warmer")}
OTHER_WORDS = ("lower", "higher")


class Bucket(NamedTuple):
    """A value, or the values of a span of time: its middle and its least, mean and greatest."""

    at: float
    low: float
    mean: float
    high: float
    values: int

    @property
    def point(self) -> Point:
        """As charts take it."""
        return Point(self.at, self.mean, self.low, self.high)


def channel_buckets(rows: Iterable[Row]) -> list[Bucket]:
    """The rows of channel_history that count, oldest first."""
    found = [
        Bucket(_middle(row), row["min"], row["value"], row["max"], row["readings"])
        for row in rows
        if row["value"] is not None
    ]
    return found[::-1]


def ups_buckets(rows: Iterable[Row]) -> list[Bucket]:
    """The rows of ups_history."""
    return [Bucket(_middle(row), row["min"], row["avg"], row["max"], row["samples"]) for row in rows]


def _middle(row: Row) -> float:
    """A row of a day stands at its noon already."""
    width: float = row["bucket_s"]
    return parse_utc(row["at"]) + (width / 2 if width < DAY_S or "avg" in row else 0)


@dataclass(frozen=True)
class Figures:
    """Least, mean and greatest value of a period. `increase` is that of a counter."""

    least: float
    mean: float
    greatest: float
    count: int
    increase: float | None = None


def summarise(buckets: Sequence[Bucket], is_counter: bool = False) -> Figures | None:
    """The figures of a period; None where nothing was measured in it."""
    count = sum(one.values for one in buckets)
    if not count:
        return None
    least, greatest = min(one.low for one in buckets), max(one.high for one in buckets)
    mean = sum(one.mean for one in buckets) / len(buckets)  # a span counts as one, however often it was read
    grows = is_counter and all(before.low <= after.low for before, after in pairwise(buckets))
    return Figures(least, mean, greatest, count, greatest - least if grows else None)


def decimals_of(buckets: Iterable[Bucket]) -> int:
    """Digits behind the point, as many as the measured values have."""
    return max((_decimals(value) for one in buckets for value in (one.low, one.high)), default=0)


def _decimals(value: float) -> int:
    return min(MOST_DECIMALS, len(f"{value:.10g}".partition(".")[2]) if abs(value) < 1e10 else 0)


@dataclass(frozen=True)
class Comparison:
    """A period in figures beside the one before, with as many digits as were measured."""

    now: Figures | None
    before: Figures | None
    unit: str
    decimals: int
    hours: int  # in the period
    measured: int  # hours of it in which something was
    measured_before: int
    words: tuple[str, str, str] = OTHER_PERIOD

    @property
    def share(self) -> float:
        """Per cent of the hours that were measured."""
        return 100 * self.measured / self.hours if self.hours else 0

    def text(self, value: float | None) -> str:
        """A measured value."""
        return "–" if value is None else f"{value + 0:,.{self.decimals}f}"

    def mean_text(self, value: float | None) -> str:
        """A mean, with one digit behind the point at least."""
        return "–" if value is None else f"{value + 0:,.{self._mean_decimals(value)}f}"

    def _mean_decimals(self, value: float) -> int:
        return self.decimals if abs(value) >= 1000 else max(1, self.decimals)

    @property
    def difference(self) -> str:
        """`1.2 °C colder`, the same on average, or nothing where one of the periods was hardly measured."""
        if self.now is None or self.before is None or not self.is_comparable:
            return ""
        figures = (self.now, self.before)
        increases = [one.increase for one in figures]
        values = increases if None not in increases else [one.mean for one in figures]
        digits = self._mean_decimals(self.now.mean) if None in increases else self.decimals
        apart = round(round(values[0] or 0, digits) - round(values[1] or 0, digits), digits)
        if not apart:
            return "as much" if None not in increases else "the same on average"
        lower, higher = ("less", "more") if None not in increases else WORDS.get(self.unit, OTHER_WORDS)
        unit = f"{NARROW_SPACE}{self.unit}" if self.unit else ""
        return f"{abs(apart):,.{digits}f}{unit} {lower if apart < 0 else higher}"

    @property
    def is_comparable(self) -> bool:
        """True where enough of both periods was measured."""
        return min(self.measured, self.measured_before) >= ENOUGH * self.hours > 0

    @property
    def why_not(self) -> str:
        """Why there is no difference, for people."""
        if self.hours and self.measured_before < ENOUGH * self.hours:
            measured = f"{self.measured_before} of {self.hours} h" if self.measured_before else "nothing"
            return f"Of {self.words[2]}, {measured} was measured."
        return ""


def period_words(params: Mapping[str, str]) -> tuple[str, str, str]:
    """The period, its verb and the period before, by the parameters of a TimeRange."""
    if "since" in params:
        return OTHER_PERIOD
    period, verb, before = PERIODS.get(params.get("range", ""), OTHER_PERIOD)
    if "until" in params:
        period = period.replace("This", "That").replace("These", "Those")
    return period, verb, before


def whole_hours(since: float, until: float) -> int:
    """How many hours by the clock begin between two unix times."""
    return int(-(-until // 3600) - -(-since // 3600))
