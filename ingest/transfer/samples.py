"""Samples of UPSes from another program as our rows, with the hourly figures that ingest would have kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from sqlite3 import Connection
from statistics import median

from ingest.db.bulk_insert import Value
from ingest.db.time import LocalTime, format_utc
from ingest.transfer.derived_events import FILE_ENDS, RECORDED_HERE, DerivedEvents, save_derived
from ingest.transfer.recorded_ranges import LazyRanges, contains, overlaps, sampled_ranges
from ingest.transfer.records import ImportOptions, Item, Record, Sample
from ingest.transfer.sink import ImportSink
from ingest.transfer.ups_match import find_ups
from ingest.ups.corrections import merge
from ingest.ups.energy import EnergyMeter, Observation
from ingest.ups.event_rows import EventSpan
from ingest.ups.figures import FIGURES, find_identity
from ingest.ups.hourly import UPSERT_HOUR, UpsHour
from ingest.ups.mains import PowerSource
from ingest.ups.measurement import Measurement, measure
from ingest.ups.pending_rows import SAMPLES
from ingest.ups.self_test import test_verdict
from ingest.ups.settings import NO_SETTINGS, UpsSettings
from ingest.ups.status import describe_unknown, status_tokens, unknown_words
from ingest.ups.tracked_ups import MAX_TEXT
from ingest.ups.watts import Rating

SAMPLED_HERE = "there are samples of that time already"
ORDER = "not later than the row before it"
INTERVAL_ROWS = 20_000  # rows that the interval between two samples is learned from
USUAL_S = 60.0
KNOWN = """update ups set first_seen_at = min(coalesce(first_seen_at, :first), :first),
last_sample_at = max(coalesce(last_sample_at, :last), :last),
status = case when :last >= coalesce(status_at, '') and :status <> '' then :status else status end,
status_at = case when :last >= coalesce(status_at, '') and :status <> '' then :last else status_at end,
mfr = coalesce(mfr, :mfr), model = coalesce(model, :model), serial = coalesce(serial, :serial),
firmware = coalesce(firmware, :firmware),
realpower_nominal = coalesce(realpower_nominal, :realpower),
power_nominal = coalesce(power_nominal, :power),
mains = case when :last >= coalesce(last_sample_at, '') then :mains else mains end,
mains_nominal = coalesce(mains_nominal, :mains_nominal),
test_verdict = case when :last >= coalesce(last_sample_at, '') then :verdict else test_verdict end
where id = :id"""
INSERT_ODDITY = """insert into oddities (at, ups, variable, reason) values (?, ?, ?, ?)
on conflict (ups, variable) where ups is not null do nothing"""
NO_FILE_EVENTS: Mapping[str, Sequence[EventSpan]] = {}


@dataclass
class _Ups:
    """One UPS of the file. `own`: what the config says of it."""

    number: int
    meter: EnergyMeter
    interval_s: float
    recorded: LazyRanges
    own: UpsSettings
    events: DerivedEvents
    last: float | None = None
    # Since the last commit: what is to be added to the hours of the file, and texts that are refused.
    hours: dict[str, UpsHour] = field(default_factory=dict)
    odd: dict[str, tuple[str, str]] = field(default_factory=dict)  # variable -> (time, why)
    known: dict[str, Value] = field(default_factory=dict)

    def hour(self, hour_at: str) -> UpsHour:
        """The hour that begins then."""
        return self.hours.setdefault(hour_at, UpsHour(hour_at))

    def learn(self, sample: Sample, rating: Rating) -> None:
        """Keep what a sample reports about the device itself."""
        at = format_utc(sample.at)
        self.known |= {
            "realpower": rating.realpower,
            "power": rating.power,
            **find_identity(sample.variables),
            "first": self.known.get("first", at),
            "last": at,
            "status": sample.status,
            "mains": self.events.mains.value,
            "mains_nominal": self.events.voltage.learned,
            "verdict": test_verdict(sample.variables.get("ups.test.result")),
        }


class Samples(ImportSink):
    """Sink of an import for samples. `intervals`: the usual seconds between two of each UPS of the file.

    `file_events`: the events of each UPS that the file has itself. `made`: how many its samples gave besides.

    Of samples nothing but the last one is kept between two commits: an hour is read from the file when it is
    added to, inside the transaction, so that an import that was killed ends with the same figures as one that
    was not, and a running reader may add to the same hour. Events are stored when the file has been read.
    """

    numbers = "ups_samples"
    _connection: Connection

    def __init__(
        self,
        options: ImportOptions,
        intervals: Mapping[str, float],
        file_events: Mapping[str, Sequence[EventSpan]] = NO_FILE_EVENTS,
    ) -> None:
        self._options, self._intervals, self._file_events = options, intervals, file_events
        self.made = 0
        clock = LocalTime(options.site_timezone)
        self._hour_at: Callable[[float], str] = lambda at: clock.day_and_hour(at)[1]
        self._upses: dict[str, _Ups] = {}
        self._rows: list[Value] = []

    def prepare(self, connection: Connection) -> None:
        """Keep the connection: each UPS is looked up when its first sample comes."""
        self._connection = connection

    def absorb(self, record: Record, is_new: bool) -> str | None:
        """Take a sample; the reason why it is skipped, or None."""
        assert isinstance(record, Sample)
        ups = self._upses.get(record.ups) or self._add_ups(record.ups)
        if ups.last is not None and record.at <= ups.last:
            return ORDER
        recorded = ups.recorded.at(record.at)
        if ups.last is not None and overlaps(recorded, ups.last, record.at):
            ups.meter.reset()  # that time is covered already, or a part of it
            ups.events.stop(RECORDED_HERE, is_new)
        ups.last = record.at
        if contains(recorded, record.at):
            return SAMPLED_HERE
        measurement = measure(record.variables, ups.own)
        ups.events.add_sample(record, measurement, is_new)
        watts, tokens = measurement.watts, status_tokens(record.status)
        on_battery = ups.events.mains is PowerSource.BATTERY
        observation = Observation(record.at, record.at, watts, tokens, ups.interval_s, on_battery)
        spans = ups.meter.add_observation(observation)
        if is_new:
            for span in spans:
                ups.hour(span.hour_at).add_span(span)
            self._add_rows(ups, record, measurement)
        return None

    def _add_rows(self, ups: _Ups, record: Sample, measurement: Measurement) -> None:
        figures, watts, rule, rating, implausible, _ = measurement
        at = format_utc(record.at)
        ups.hour(self._hour_at(record.at)).add_sample(figures, watts, rule)
        values = (figures.get(name) for name in FIGURES)
        self._rows += (at, ups.number, record.status, *values, watts, rule)
        for variable, (text, why) in implausible.items():
            ups.odd.setdefault(variable, (at, f"{variable} = {text[:MAX_TEXT]}: {why}"))
        if words := unknown_words(record.status):
            ups.odd.setdefault("ups.status", (at, describe_unknown([word[:MAX_TEXT] for word in words])))
        ups.learn(record, rating)

    def _add_ups(self, name: str) -> _Ups:
        number = find_ups(self._connection, name, self._options)
        recorded = LazyRanges(lambda: sampled_ranges(self._connection, number, self.checkpoint))
        interval_s = self._intervals.get(name, USUAL_S)
        (ours,) = self._connection.execute("select name from ups where id = ?", (number,)).fetchone()
        own = self._options.settings.get(ours, NO_SETTINGS)
        own = replace(own, variables=merge(self._options.variables, own.variables))
        events = DerivedEvents(own, interval_s, self._file_events.get(name, ()))
        ups = _Ups(number, EnergyMeter(self._hour_at), interval_s, recorded, own, events)
        self._upses[name] = ups
        if self.resumed:
            events.resume()
        return ups

    def write(self, connection: Connection) -> set[str]:
        """Write samples, hours and what is known of each UPS."""
        for ups in self._upses.values():  # before the samples: what the file has of them is looked up
            hours = [
                UpsHour.load(connection, ups.number, hour_at).merged(hour).values(ups.number)
                for hour_at, hour in ups.hours.items()
            ]
            connection.executemany(UPSERT_HOUR, hours)
            if ups.known:
                connection.execute(KNOWN, {**ups.known, "id": ups.number})
            odd = [(at, ups.number, variable, reason) for variable, (at, reason) in ups.odd.items()]
            connection.executemany(INSERT_ODDITY, odd)
        ids = self.checkpoint.take_ids(len(self._rows) // SAMPLES.width)
        SAMPLES.numbered(connection, self._rows, ids)
        return {"ups", "ups_samples", "oddities"}

    def committed(self) -> None:
        """Forget what is in the file."""
        self._rows = []
        for ups in self._upses.values():
            ups.hours, ups.known, ups.odd = {}, {}, {}

    def finish(self, connection: Connection) -> None:
        """Store the events; each commit wrote all else that there is."""
        found = []
        for ups in self._upses.values():
            ups.events.stop(FILE_ENDS)
            found += [(ups.number, event, names) for event, names in ups.events.found()]
        self.made = save_derived(connection, found)


def find_intervals(items: Iterable[tuple[int, Item]]) -> dict[str, float]:
    """UPS -> usual seconds between two samples, from the first items of a stream."""
    times: dict[str, list[float]] = {}
    for _, item in islice(items, INTERVAL_ROWS):
        if isinstance(item, Sample):
            times.setdefault(item.ups, []).append(item.at)
    pauses = {ups: [b - a for a, b in pairwise(found) if b > a] for ups, found in times.items()}
    return {ups: max(1.0, median(found)) for ups, found in pauses.items() if found}
