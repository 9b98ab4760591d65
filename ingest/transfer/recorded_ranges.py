"""Ranges of time that Voltkeeper has recorded itself: another program's rows would count twice there."""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from sqlite3 import Connection
from typing import NamedTuple

from ingest.db.time import format_utc, parse_utc
from ingest.schema.sql_fragments import LATE_S
from ingest.transfer.checkpoint import Checkpoint

GAP_S = 900  # a longer silence: Voltkeeper was not there
SLACK_S = 2  # the other program may note the same message this much earlier or later
HOUR_S = 3600
AGAIN_S = 5  # between two look-ups
BUCKET = 15  # characters of a time that name ten minutes: 2026-11-20T23:1
NO_END = "9"  # behind every time: the range goes on

IMPORTED = "select 1 from imports i where i.numbers = '{}' and {}.id between i.first_id and i.last_id"
MESSAGES = f"""select min(received_at), max(received_at) from messages m where gateway = ? and not retained
and not exists ({IMPORTED.format("messages", "m")}) group by substr(received_at, 1, {BUCKET}) order by 1"""
READINGS = f"""select min(received_at), max(received_at) from readings r
where channel between ? and ? and received_at < ?
and not exists ({IMPORTED.format("messages", "r")}) group by substr(received_at, 1, {BUCKET}) order by 1"""
SAMPLES = f"""select min(sampled_at), max(sampled_at) from ups_samples where ups = ? and sampled_at > ?
and not id between ? and ? group by substr(sampled_at, 1, {BUCKET}) order by 1"""
NOT_IMPORTED = f"""select min(sampled_at), max(sampled_at) from ups_samples s where ups = ?
and not exists ({IMPORTED.format("ups_samples", "s")}) group by substr(sampled_at, 1, {BUCKET}) order by 1"""
HOURS = """select hour_at from ups_samples_hourly h where ups = ?1 and hour_at > ?2
and hour_at < (select min(sampled_at) from ups_samples where ups = ?1)
and samples > (select count(*) from ups_samples where ups = ?1 and sampled_at >= h.hour_at
  and sampled_at < strftime('%Y-%m-%dT%H:%M:%fZ', h.hour_at, '+1 hour')) order by 1"""
IS_READ = "select 1 from ingest_status where state <> 'stopped' and heartbeat_at > ? and source = "
GATEWAY_IS_READ = f"{IS_READ} (select name from gateways where id = ?)"
UPS_IS_READ = f"{IS_READ} (select source from ups where id = ?)"


class RecordedRange(NamedTuple):
    """From `start` to `end`, both included, UTC text."""

    start: str
    end: str


def heard_ranges(connection: Connection, gateway: int) -> list[RecordedRange]:
    """Ranges of messages of this gateway that were not imported; where those are pruned, of readings."""
    buckets = connection.execute(MESSAGES, (gateway,)).fetchall()
    first = buckets[0][0] if buckets else NO_END
    channels = (gateway << 24, ((gateway + 1) << 24) - 1)
    ranges = [
        RecordedRange(format_utc(parse_utc(start) - SLACK_S), format_utc(parse_utc(end) + SLACK_S))
        for start, end in _join([*connection.execute(READINGS, (*channels, first)), *buckets])
    ]
    return _with_open_end(connection, ranges, GATEWAY_IS_READ, gateway)


def sampled_ranges(connection: Connection, ups: int, checkpoint: Checkpoint) -> list[RecordedRange]:
    """Ranges of samples of this UPS that came neither with this import nor with one of the same file.

    Where they are pruned, of the hours that they were summed up to.
    """
    hours = connection.execute(HOURS, (ups, checkpoint.last_at or ""))
    old = [(start, format_utc(parse_utc(start) + HOUR_S)) for (start,) in hours]
    reserved = (checkpoint.first_id, checkpoint.last_id)
    samples = connection.execute(SAMPLES, (ups, checkpoint.after_at or "", *reserved))
    return _with_open_end(connection, _join([*old, *samples]), UPS_IS_READ, ups)


def unimported_sample_ranges(connection: Connection, ups: int) -> list[RecordedRange]:
    """Ranges of samples of this UPS that came with no import at all."""
    return _with_open_end(connection, _join(connection.execute(NOT_IMPORTED, (ups,))), UPS_IS_READ, ups)


class LazyRanges:
    """Ranges as they were found last; for younger times they are looked up again, every AGAIN_S at most."""

    def __init__(self, find: Callable[[], list[RecordedRange]]) -> None:
        self._find = find
        self._look_up()

    def _look_up(self) -> None:
        self._found_at, self._again = time.time(), time.monotonic() + AGAIN_S
        self._ranges = self._find()

    def at(self, at: float) -> list[RecordedRange]:
        """The ranges, with that of the time `at` (unix seconds) among them."""
        if at > self._found_at and time.monotonic() > self._again:
            self._look_up()
        return self._ranges


def _join(buckets: Iterable[tuple[str, str]]) -> list[RecordedRange]:
    ranges: list[RecordedRange] = []
    for start, end in buckets:
        if ranges and parse_utc(start) - parse_utc(ranges[-1].end) <= GAP_S:
            ranges[-1] = RecordedRange(ranges[-1].start, max(end, ranges[-1].end))
        else:
            ranges.append(RecordedRange(start, end))
    return ranges


def _with_open_end(
    connection: Connection, ranges: list[RecordedRange], is_read: str, number: int
) -> list[RecordedRange]:
    """The last range has no end while its reader is alive and has just recorded something."""
    now = time.time()
    is_fresh = bool(ranges) and ranges[-1].end > format_utc(now - GAP_S)
    if is_fresh and connection.execute(is_read, (format_utc(now - LATE_S), number)).fetchone():
        ranges[-1] = RecordedRange(ranges[-1].start, NO_END)
    return ranges


def contains(ranges: list[RecordedRange], at: float) -> bool:
    """True when the time `at` (unix seconds) lies in one of the ranges."""
    return overlaps(ranges, at, at)


def overlaps(ranges: list[RecordedRange], start: float, end: float) -> bool:
    """True when one of the ranges, or a part of it, lies from `start` to `end` (unix seconds)."""
    place = bisect_right(ranges, format_utc(end), key=lambda found: found.start)
    return place > 0 and format_utc(start) <= ranges[place - 1].end
