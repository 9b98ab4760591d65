"""Energy and cost by period: rows of the canned query energy_by_day brought together. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

from reporting.canned_queries import Row

MINUTE_S = 60
HOUSE = "House"  # the name in energy_by_day of all UPSes together
SEVERAL = "several"  # currency of a sum over currencies, which has no cost


def share(part: float, whole: float, digits: int) -> float | None:
    """Per cent that are never 100 where something is missing; None of nothing."""
    scale: int = 10**digits
    return floor(100 * scale * max(0, min(1, part / whole)) + 1e-6) / scale if whole else None


def counted_gap(seconds: float | None) -> float:
    """What counts of the seconds that a UPS was not measured in a period: nothing below a minute.

    The ends of a period lie between two samples, which is no gap. That of all UPSes together is the sum of
    what counts of each.
    """
    return seconds if seconds is not None and seconds >= MINUTE_S else 0


class EnergyPeriod(NamedTuple):
    """One period: the row of each UPS by its name, and that of all UPSes together."""

    label: str
    upses: dict[str, Row]
    site: Row


@dataclass
class EnergyTotal:
    """kWh, cost, and seconds measured and not measured, over all periods."""

    kwh: float | None = None
    cost: float | None = None
    currency: str | None = None
    covered_s: float = 0
    uncovered_s: float = 0

    def add(self, row: Row) -> None:
        """Take one row of energy_by_day in."""
        if row["kwh"] is not None:
            self.kwh = (self.kwh or 0) + row["kwh"]
        if row["currency"] is not None:
            self.currency = row["currency"] if self.currency in (None, row["currency"]) else SEVERAL
        if row["cost"] is not None:
            self.cost = (self.cost or 0) + row["cost"]
        if self.currency == SEVERAL:
            self.cost = None
        self.covered_s += row["covered_s"] or 0
        self.uncovered_s += row["uncovered_s"] or 0

    @property
    def coverage(self) -> float | None:
        """How much of the time was measured, per cent; never 100 where a gap counts."""
        return share(self.covered_s, self.covered_s + counted_gap(self.uncovered_s), 1)

    @property
    def mean_watts(self) -> float | None:
        """The mean power of one UPS while it was measured."""
        return None if self.kwh is None or not self.covered_s else self.kwh * 3_600_000 / self.covered_s


def site_rows(rows: Iterable[Row] | None) -> list[Row]:
    """Those of energy_by_day that are of all UPSes together."""
    return [row for row in rows or () if row["ups"] is None]


def with_counted_gaps(rows: Iterable[Row]) -> list[Row]:
    """Rows of energy_by_day of one period; the House misses what counts of the gaps of its UPSes."""
    found = list(rows)
    gap_s = sum(counted_gap(row["uncovered_s"]) for row in found if row["ups"] is not None)
    return [{**row, "uncovered_s": gap_s} if row["ups"] is None else row for row in found]


def by_period(rows: Iterable[Row]) -> list[EnergyPeriod]:
    """The rows of energy_by_day, newest first, by period."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["starts_at"], []).append(row)
    return [
        EnergyPeriod(
            own[0]["period"], {row["name"]: row for row in own if row["ups"] is not None}, site_rows(own)[0]
        )
        for own in found.values()
    ]


def totals(rows: Iterable[Row]) -> dict[str, EnergyTotal]:
    """Name of a UPS, and HOUSE for all of them -> its total; the House misses what counts of their gaps."""
    found: dict[str, EnergyTotal] = {}
    for row in rows:
        found.setdefault(row["name"], EnergyTotal()).add(row)
    if HOUSE in found:
        upses = (total for name, total in found.items() if name != HOUSE)
        found[HOUSE].uncovered_s = sum(counted_gap(total.uncovered_s) for total in upses)
    return found
