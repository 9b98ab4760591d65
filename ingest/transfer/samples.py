"""Samples of UPSes from another program as our rows, with the hourly figures that ingest would have kept."""

from itertools import islice
from statistics import median

from ingest.db.time import LocalTime, format_utc
from ingest.transfer.checkpoint import reserve
from ingest.transfer.recorded_ranges import Look, between, sampled, within
from ingest.transfer.records import Sample
from ingest.transfer.ups_match import find_ups
from ingest.ups.energy import EnergyMeter, Observation, find_rating, find_watts
from ingest.ups.figures import FIGURES, find_identity, parse_figures
from ingest.ups.hourly import UPSERT_HOUR, UpsHour
from ingest.ups.pending_rows import SAMPLES
from ingest.ups.status import status_tokens

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


class _Ups:
    """One UPS of the file."""

    def __init__(self, number, meter, interval_s, own):
        self.number, self.meter, self.interval_s, self.own = number, meter, interval_s, own
        self.last = None
        self.hours = {}  # since the last commit: hour_at -> Hour, what is to be added to that of the file
        self.known = {}

    def hour(self, hour_at):
        if hour_at not in self.hours:
            self.hours[hour_at] = UpsHour(hour_at)
        return self.hours[hour_at]


class Samples:
    """Sink of an import for samples. `intervals` tells the usual seconds between two of each UPS of the file.

    Kept between two commits is nothing but the last sample: an hour is read from the file when it is added to, inside
    the transaction, so that an import that was killed ends with the same figures as one that was not, and a running
    reader may add to the same hour.
    """

    def __init__(self, options, intervals):
        self._options, self._intervals = options, intervals
        clock = LocalTime(options.house_timezone)
        self._hour_at = lambda at: clock.day_and_hour(at)[1]
        self._upses, self._rows = {}, []
        self._entry = self._connection = None

    def look(self, connection):
        self._connection = connection

    def begin(self, connection, entry, number):
        self._entry = entry
        reserve(connection, entry, "ups_samples", number)

    def resume(self, entry):
        self._entry = entry

    def absorb(self, sample, fresh):
        """Take a sample; the reason why it is left out, or None."""
        ups = self._upses.get(sample.ups) or self._meet(sample.ups)
        before = ups.last
        if before is not None and sample.at <= before:
            return ORDER
        ups.last = sample.at
        own = ups.own.at(sample.at)
        if before is not None and between(own, before, sample.at):
            ups.meter.reset()  # that time is covered already, or a part of it
        if within(own, sample.at):
            return SAMPLED_HERE
        figures = parse_figures(sample.variables)
        rating = find_rating(figures)
        watts, rule = find_watts(figures, rating)
        watts = None if watts is None else round(watts, 3)
        observation = Observation(sample.at, sample.at, watts, status_tokens(sample.status), ups.interval_s)
        spans = ups.meter.add_observation(observation)
        if not fresh:
            return None
        for span in spans:
            ups.hour(span.hour_at).add_span(span)
        ups.hour(self._hour_at(sample.at)).add_sample(figures, watts, rule)
        at = format_utc(sample.at)
        self._rows += (at, ups.number, sample.status, *(figures.get(name) for name in FIGURES), watts, rule)
        known = {"realpower": rating.realpower, "power": rating.power}
        known |= find_identity(sample.variables)
        ups.known = {
            **ups.known,
            **known,
            "first": ups.known.get("first", at),
            "last": at,
            "status": sample.status,
        }
        return None

    def _meet(self, name):
        number = find_ups(self._connection, name, self._options)
        own = Look(lambda: sampled(self._connection, number, self._entry))
        ups = self._upses[name] = _Ups(
            number, EnergyMeter(self._hour_at), self._intervals.get(name, USUAL_S), own
        )
        return ups

    def write(self, connection):
        for ups in self._upses.values():  # before the samples: what the file has of them is looked up
            hours = [
                UpsHour.load(connection, ups.number, hour_at).merged(hour)
                for hour_at, hour in ups.hours.items()
            ]
            connection.executemany(UPSERT_HOUR, [hour.values(ups.number) for hour in hours])
            if ups.known:
                connection.execute(KNOWN, {**ups.known, "id": ups.number})
        first, self._entry.next_id = (
            self._entry.next_id,
            self._entry.next_id + len(self._rows) // SAMPLES.width,
        )
        SAMPLES.numbered(connection, self._rows, range(first, self._entry.next_id))
        return {"ups", "ups_samples"}

    def committed(self):
        self._rows = []
        for ups in self._upses.values():
            ups.hours, ups.known = {}, {}

    def forget(self):
        """Only fresh samples leave anything behind."""

    def end(self, connection):
        """Each commit told all that there is."""


def find_intervals(items):
    """UPS -> usual seconds between two samples, from the first items of a stream."""
    times = {}
    for _, item in islice(items, LOOK):
        if isinstance(item, Sample):
            times.setdefault(item.ups, []).append(item.at)
    pauses = {ups: [b - a for a, b in zip(held, held[1:]) if b > a] for ups, held in times.items()}
    return {ups: max(1.0, median(found)) for ups, found in pauses.items() if found}
