"""One UPS's hour as a row of `ups_samples_hourly`.

It is written as a whole, so that writing it twice is harmless.
"""

import sqlite3
from dataclasses import dataclass, replace

from ingest.db.time import format_utc, parse_utc
from ingest.ups.energy import CoveredSpan
from ingest.ups.figures import column
from ingest.ups.records import Figures

HOURLY_FIGURES = (
    "input.voltage",
    "input.frequency",
    "output.voltage",
    "battery.charge",
    "battery.voltage",
    "battery.runtime",
    "ups.load",
    "watts",
    "ups.temperature",
)
SUMS = ("samples", "covered_s", "on_battery_s", "trim_s", "boost_s", "wh", "watts_rule")
COLUMNS = (
    "ups",
    "hour_at",
    *SUMS,
    *(f"{column(name)}_{part}" for name in HOURLY_FIGURES for part in ("min", "avg", "max")),
)
UPSERT_HOUR = (
    f"insert into ups_samples_hourly ({', '.join(COLUMNS)}) values ({', '.join('?' * len(COLUMNS))}) "
    "on conflict (ups, hour_at) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])
)


@dataclass(slots=True)
class Statistics:
    """Count, lowest, sum and highest of one figure."""

    count: int
    low: float
    total: float
    high: float

    def add(self, count: int, low: float, total: float, high: float) -> None:
        """Add `count` values with this lowest, sum and highest."""
        self.count += count
        self.total += total
        if low < self.low:
            self.low = low
        if high > self.high:
            self.high = high

    def row(self) -> tuple[float, float, float]:
        """Lowest, average and highest, as the columns hold them."""
        return self.low, round(self.total / self.count, 4), self.high


class UpsHour:
    """The statistics of each figure of one hour, and the seconds that are covered. Units: s, Wh."""

    __slots__ = ("boost", "covered", "figures", "hour_at", "on_battery", "rule", "samples", "trim", "wh")

    def __init__(self, hour_at: str) -> None:
        self.hour_at = hour_at
        self.samples = 0
        self.covered = self.on_battery = self.trim = self.boost = 0.0
        self.wh: float | None = None
        self.rule: str | None = None
        self.figures: dict[str, Statistics] = {}

    @classmethod
    def load(cls, connection: sqlite3.Connection, ups: int, hour_at: str) -> "UpsHour":
        """The hour as the file has it. Where its samples are pruned, its own figures stand for them."""
        hour = cls(hour_at)
        row = connection.execute(
            f"select {', '.join(COLUMNS[2:])} from ups_samples_hourly where ups = ? and hour_at = ?",
            (ups, hour_at),
        ).fetchone()
        if row is None:
            return hour
        sums, averages = row[: len(SUMS)], row[len(SUMS) :]
        hour.samples, hour.covered, hour.on_battery, hour.trim, hour.boost, hour.wh, hour.rule = sums
        end = format_utc(parse_utc(hour_at) + 3600)
        parts = ", ".join(f"count({c}), min({c}), total({c}), max({c})" for c in map(column, HOURLY_FIGURES))
        held, *found = connection.execute(
            f"select count(*), {parts} from ups_samples where ups = ? and sampled_at >= ? and sampled_at < ?",
            (ups, hour_at, end),
        ).fetchone()
        for number, name in enumerate(HOURLY_FIGURES):
            low, average, high = averages[3 * number :][:3]
            if held < hour.samples and average is not None:
                hour.figures[name] = Statistics(hour.samples, low, average * hour.samples, high)
            elif found[4 * number]:
                hour.figures[name] = Statistics(*found[4 * number : 4 * number + 4])
        return hour

    def merged(self, later: "UpsHour") -> "UpsHour":
        """The hour of what is in this one and in another one, which is later."""
        hour = UpsHour(self.hour_at)
        hour.samples = self.samples + later.samples
        hour.covered = self.covered + later.covered
        hour.on_battery = self.on_battery + later.on_battery
        hour.trim = self.trim + later.trim
        hour.boost = self.boost + later.boost
        hour.wh = self.wh if later.wh is None else (self.wh or 0.0) + later.wh
        hour.rule = later.rule or self.rule
        hour.figures = {name: replace(held) for name, held in self.figures.items()}
        for name, new in later.figures.items():
            if name in hour.figures:
                hour.figures[name].add(new.count, new.low, new.total, new.high)
            else:
                hour.figures[name] = replace(new)
        return hour

    def add_sample(self, figures: Figures, watts: float | None, rule: str | None) -> None:
        """Add a full sample of this hour; W, and the rule that gave them."""
        self.samples += 1
        self.rule = rule or self.rule
        for name in HOURLY_FIGURES:
            value = watts if name == "watts" else figures.get(name)
            if value is None:
                continue
            held = self.figures.get(name)
            if held is None:
                self.figures[name] = Statistics(1, value, value, value)
            else:
                held.add(1, value, value, value)

    def add_span(self, span: CoveredSpan) -> None:
        """Add covered time of this hour."""
        self.covered += span.seconds
        if span.wh is not None:
            self.wh = (self.wh or 0.0) + span.wh
        if span.on_battery:
            self.on_battery += span.seconds
        if "TRIM" in span.tokens:
            self.trim += span.seconds
        if "BOOST" in span.tokens:
            self.boost += span.seconds

    def values(self, ups: int) -> tuple[int | float | str | None, ...]:
        """The row, for UPSERT_HOUR."""
        parts: list[float | None] = []
        for name in HOURLY_FIGURES:
            parts += self.figures[name].row() if name in self.figures else (None, None, None)
        return (
            ups,
            self.hour_at,
            self.samples,
            round(self.covered, 3),
            round(self.on_battery, 3),
            round(self.trim, 3),
            round(self.boost, 3),
            None if self.wh is None else round(self.wh, 5),
            self.rule,
            *parts,
        )
