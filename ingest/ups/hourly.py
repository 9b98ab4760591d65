"""One UPS's hour as a row of `ups_samples_hourly`: written as a whole, so that writing it twice is harmless."""

from datetime import datetime

from ingest.db.time import format_utc
from ingest.ups.figures import column

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
    f"on conflict (ups, hour_at) do update set {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[2:])}"
)


class UpsHour:
    """Count, lowest, sum and highest of each figure, and the seconds that are covered."""

    __slots__ = ("boost", "covered", "hour_at", "on_battery", "rule", "samples", "sums", "trim", "wh")

    def __init__(self, hour_at):
        self.hour_at = hour_at
        self.samples = 0
        self.covered = self.on_battery = self.trim = self.boost = 0.0
        self.wh = self.rule = None
        self.sums = {}  # figure -> [count, lowest, sum, highest]

    @classmethod
    def load(cls, connection, ups, hour_at):
        """The hour as far as the file has it. Where its samples are pruned, its own figures stand for them."""
        hour = cls(hour_at)
        row = connection.execute(
            f"select {', '.join(COLUMNS[2:])} from ups_samples_hourly where ups = ? and hour_at = ?",
            (ups, hour_at),
        ).fetchone()
        if row is None:
            return hour
        hour.samples, hour.covered, hour.on_battery, hour.trim, hour.boost, hour.wh, hour.rule = row[
            : len(SUMS)
        ]
        end = format_utc(datetime.fromisoformat(hour_at).timestamp() + 3600)
        parts = ", ".join(f"count({c}), min({c}), total({c}), max({c})" for c in map(column, HOURLY_FIGURES))
        held, *found = connection.execute(
            f"select count(*), {parts} from ups_samples where ups = ? and sampled_at >= ? and sampled_at < ?",
            (ups, hour_at, end),
        ).fetchone()
        for number, name in enumerate(HOURLY_FIGURES):
            low, average, high = row[len(SUMS) + 3 * number :][:3]
            if held < hour.samples and average is not None:
                hour.sums[name] = [hour.samples, low, average * hour.samples, high]
            elif found[4 * number]:
                hour.sums[name] = list(found[4 * number : 4 * number + 4])
        return hour

    def merged(self, other):
        """An Hour of what is in this one and in another one, which is later."""
        hour = UpsHour(self.hour_at)
        for name in ("samples", "covered", "on_battery", "trim", "boost"):
            setattr(hour, name, getattr(self, name) + getattr(other, name))
        hour.wh = self.wh if other.wh is None else (self.wh or 0.0) + other.wh
        hour.rule = other.rule or self.rule
        hour.sums = dict(self.sums)
        for name, (count, low, total, high) in other.sums.items():
            held = self.sums.get(name)
            if held is not None:
                count, low, total, high = (
                    held[0] + count,
                    min(held[1], low),
                    held[2] + total,
                    max(held[3], high),
                )
            hour.sums[name] = [count, low, total, high]
        return hour

    def add_sample(self, figures, watts, rule):
        """A full sample within the hour."""
        self.samples += 1
        self.rule = rule or self.rule
        for name in HOURLY_FIGURES:
            value = watts if name == "watts" else figures.get(name)
            if value is None:
                continue
            sums = self.sums.get(name)
            if sums is None:
                self.sums[name] = [1, value, value, value]
                continue
            sums[0] += 1
            sums[2] += value
            if value < sums[1]:
                sums[1] = value
            if value > sums[3]:
                sums[3] = value

    def add_span(self, span):
        """Covered time within the hour."""
        self.covered += span.seconds
        if span.wh is not None:
            self.wh = (self.wh or 0.0) + span.wh
        if "OB" in span.words:
            self.on_battery += span.seconds
        if "TRIM" in span.words:
            self.trim += span.seconds
        if "BOOST" in span.words:
            self.boost += span.seconds

    def values(self, ups):
        """The row, for UPSERT_HOUR."""
        parts = []
        for name in HOURLY_FIGURES:
            count, low, total, high = self.sums.get(name, (0, None, 0.0, None))
            parts += (low, round(total / count, 4) if count else None, high)
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
