"""Samples of UPSes from another program as our rows, with the hourly figures that ingest would have kept."""

from itertools import islice
from statistics import median

from ingest.clock import LocalTime
from ingest.database import utc
from ingest.moving.own import sampled, within
from ingest.moving.records import Sample
from ingest.moving.upses import find_ups
from ingest.rows import Insert
from ingest.ups.energy import Meter, Moment, find_watts, rate
from ingest.ups.figures import FIGURES, column, parse_figures
from ingest.ups.hourly import UPSERT, Hour
from ingest.ups.status import status_words

SAMPLES = Insert("ups_samples", ["sampled_at", "ups", "ups_status", *map(column, FIGURES), "watts", "watts_rule"])
SAMPLED_HERE = "there are samples of that time already"
ORDER = "not later than the row before it"
LOOK = 20_000  # rows that the interval between two samples is learned from
USUAL_S = 60.0
KNOWN = """update ups set first_seen_at = min(coalesce(first_seen_at, :first), :first),
last_sample_at = max(coalesce(last_sample_at, :last), :last),
status = case when :last >= coalesce(status_at, '') and :status <> '' then :status else status end,
status_at = case when :last >= coalesce(status_at, '') and :status <> '' then :last else status_at end,
mfr = coalesce(mfr, :mfr), model = coalesce(model, :model), serial = coalesce(serial, :serial),
firmware = coalesce(firmware, :firmware),
realpower_nominal = coalesce(realpower_nominal, :realpower), power_nominal = coalesce(power_nominal, :power)
where id = :id"""
IDENTITY = (
    ("mfr", "device.mfr", "ups.mfr"), ("model", "device.model", "ups.model"),
    ("serial", "device.serial", "ups.serial"), ("firmware", "ups.firmware"),
)  # fmt: skip


class _Ups:
    """One UPS of the file."""

    def __init__(self, number, meter, interval_s):
        self.number, self.meter, self.interval_s = number, meter, interval_s
        self.last = float("-inf")
        self.hours = {}  # since the last commit: hour_at -> Hour
        self.known = {}


class Samples:
    """Sink of an import for samples. `intervals` tells the usual seconds between two of each UPS of the file.

    Kept between two commits is nothing but the last sample: an hour is read from the file when it is needed again,
    so that an import that was killed ends with the same figures as one that was not.
    """

    def __init__(self, timezone, options, intervals):
        self._options, self._intervals = options, intervals
        clock = LocalTime(timezone)
        self._hour_at = lambda at: clock.day_and_hour(at)[1]
        self._upses, self._rows = {}, []
        self._entry = self._connection = None

    def begin(self, connection, entry, number):
        self.resume(connection, entry)

    def resume(self, connection, entry):
        self._entry, self._connection = entry, connection

    def absorb(self, sample, fresh):
        """Take a sample; the reason why it is left out, or None."""
        ups = self._upses.get(sample.ups) or self._meet(sample.ups)
        if sample.at <= ups.last:
            return ORDER
        ups.last = sample.at
        if within(self._entry.own.get(str(ups.number), []), sample.at):
            return SAMPLED_HERE
        figures = parse_figures(sample.variables)
        rating = rate(figures)
        watts, rule = find_watts(figures, rating)
        watts = None if watts is None else round(watts, 3)
        moment = Moment(sample.at, sample.at, watts, status_words(sample.status), ups.interval_s)
        stretches = ups.meter.feed(moment)
        if not fresh:
            return None
        for stretch in stretches:
            self._hour(ups, stretch.hour_at).add_stretch(stretch)
        self._hour(ups, self._hour_at(sample.at)).add_sample(figures, watts, rule)
        at = utc(sample.at)
        self._rows += (at, ups.number, sample.status, *(figures.get(name) for name in FIGURES), watts, rule)
        known = {"realpower": rating.realpower, "power": rating.power}
        for name, *choices in IDENTITY:
            known[name] = next((sample.variables[choice] for choice in choices if sample.variables.get(choice)), None)
        ups.known = {**ups.known, **known, "first": ups.known.get("first", at), "last": at, "status": sample.status}
        return None

    def _meet(self, name):
        number = find_ups(self._connection, name, self._options)
        if str(number) not in self._entry.own:
            self._entry.own[str(number)] = sampled(self._connection, number, self._entry.last_at, self._hour_at)
        ups = self._upses[name] = _Ups(number, Meter(self._hour_at), self._intervals.get(name, USUAL_S))
        return ups

    def _hour(self, ups, hour_at):
        if hour_at not in ups.hours:
            ups.hours[hour_at] = Hour.load(self._connection, ups.number, hour_at)
        return ups.hours[hour_at]

    def write(self, connection):
        SAMPLES(connection, self._rows)
        for ups in self._upses.values():
            connection.executemany(UPSERT, [hour.values(ups.number) for hour in ups.hours.values()])
            if ups.known:
                connection.execute(KNOWN, {**ups.known, "id": ups.number})
        return {"ups", "ups_samples"}

    def committed(self):
        self._rows = []
        for ups in self._upses.values():
            ups.hours, ups.known = {}, {}

    def forget(self):
        """Only fresh samples leave anything behind."""


def find_intervals(items):
    """UPS -> usual seconds between two samples, from the first items of a stream."""
    times = {}
    for _, item in islice(items, LOOK):
        if isinstance(item, Sample):
            times.setdefault(item.ups, []).append(item.at)
    pauses = {ups: [b - a for a, b in zip(held, held[1:]) if b > a] for ups, held in times.items()}
    return {ups: max(1.0, median(found)) for ups, found in pauses.items() if found}
