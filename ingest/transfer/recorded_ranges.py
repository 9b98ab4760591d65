"""What Voltkeeper has recorded itself: stretches of time in which another program's rows would count everything twice."""

import time
from bisect import bisect_right

from ingest.db.time import format_utc, parse_utc
from ingest.schema.sql_fragments import LATE_S

GAP_S = 900  # quieter than that: Voltkeeper was not there
SLACK_S = 2  # the other program may note the same message this much earlier or later
HOUR_S = 3600
AGAIN_S = 5
BUCKET = 15  # characters of a time that name ten minutes: 2026-11-20T23:1
FOR_EVER = "9"  # behind every time: the stretch goes on

IMPORTED = "select 1 from imports i where i.numbers = '{}' and {}.id between i.first_id and i.last_id"
MESSAGES = f"""select min(received_at), max(received_at) from messages m where gateway = ?
and not exists ({IMPORTED.format("messages", "m")}) group by substr(received_at, 1, {BUCKET}) order by 1"""
READINGS = f"""select min(received_at), max(received_at) from readings r where channel between ? and ? and received_at < ?
and not exists ({IMPORTED.format("messages", "r")}) group by substr(received_at, 1, {BUCKET}) order by 1"""
SAMPLES = f"""select min(sampled_at), max(sampled_at) from ups_samples where ups = ? and sampled_at > ?
and not id between ? and ? group by substr(sampled_at, 1, {BUCKET}) order by 1"""
ALONE = f"""select min(sampled_at), max(sampled_at) from ups_samples s where ups = ?
and not exists ({IMPORTED.format("ups_samples", "s")}) group by substr(sampled_at, 1, {BUCKET}) order by 1"""
HOURS = """select hour_at from ups_samples_hourly h where ups = ?1 and hour_at > ?2
and hour_at < (select min(sampled_at) from ups_samples where ups = ?1)
and samples > (select count(*) from ups_samples where ups = ?1 and sampled_at >= h.hour_at
  and sampled_at < strftime('%Y-%m-%dT%H:%M:%fZ', h.hour_at, '+1 hour')) order by 1"""
ALIVE = "select 1 from ingest_status where source = ? and state <> 'stopped' and heartbeat_at > ?"


def heard(connection, gateway):
    """Stretches [from, to], UTC text, of messages of this gateway that were not imported; where those are pruned, of readings."""
    buckets = connection.execute(MESSAGES, (gateway,)).fetchall()
    first = buckets[0][0] if buckets else FOR_EVER
    channels = (gateway << 24, ((gateway + 1) << 24) - 1)
    spans = _join([*connection.execute(READINGS, (*channels, first)), *buckets])
    spans = [
        [format_utc(parse_utc(start) - SLACK_S), format_utc(parse_utc(end) + SLACK_S)] for start, end in spans
    ]
    (name,) = connection.execute("select name from gateways where id = ?", (gateway,)).fetchone()
    return _go_on(connection, spans, name)


def sampled(connection, ups, entry):
    """Stretches of samples of this UPS that came neither with this import nor, of the same file, with one before it.

    Where they are pruned, of the hours that they were summed up to.
    """
    hours = connection.execute(HOURS, (ups, entry.last_at or "")).fetchall()
    old = [(start, format_utc(parse_utc(start) + HOUR_S)) for (start,) in hours]
    mine = (entry.first_id, entry.last_id)
    spans = _join([*old, *connection.execute(SAMPLES, (ups, entry.after_at or "", *mine))])
    return _go_on(connection, spans, _source(connection, ups))


def sampled_alone(connection, ups):
    """Stretches of samples of this UPS that came with no import at all."""
    return _go_on(connection, _join(connection.execute(ALONE, (ups,))), _source(connection, ups))


def _source(connection, ups):
    return connection.execute("select source from ups where id = ?", (ups,)).fetchone()[0]


class Look:
    """Stretches as they were found, and when: what is younger is looked up again, but not all the time."""

    def __init__(self, find):
        self._find = find
        self._look()

    def _look(self):
        self.found_at, self._again = time.time(), time.monotonic() + AGAIN_S
        self.spans = self._find()

    def at(self, at):
        """The stretches, with that of the time `at` (unix seconds) among them."""
        if at > self.found_at and time.monotonic() > self._again:
            self._look()
        return self.spans


def _join(buckets):
    spans = []
    for start, end in buckets:
        if spans and parse_utc(start) - parse_utc(spans[-1][1]) <= GAP_S:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([start, end])
    return spans


def _go_on(connection, spans, source):
    """The last stretch has no end while the reader of this source lives and has just been at it."""
    now = time.time()
    if (
        spans
        and spans[-1][1] > format_utc(now - GAP_S)
        and connection.execute(ALIVE, (source, format_utc(now - LATE_S))).fetchone()
    ):
        spans[-1][1] = FOR_EVER
    return spans


def within(spans, at):
    """True when the time `at` (unix seconds) lies in one of the stretches."""
    return between(spans, at, at)


def between(spans, start, end):
    """True when one of the stretches, or a part of it, lies from `start` to `end` (unix seconds)."""
    place = bisect_right(spans, format_utc(end), key=lambda span: span[0])
    return place > 0 and format_utc(start) <= spans[place - 1][1]
