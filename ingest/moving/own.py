"""What Voltkeeper has heard itself: stretches of time in which another program's rows would count everything twice."""

import time
from bisect import bisect_right

from ingest.database import seconds, utc

GAP_S = 900  # quieter than that: Voltkeeper was not there
BUCKET = 15  # characters of a time that name ten minutes: 2026-11-20T23:1

MESSAGES = f"""select min(received_at), max(received_at) from messages m where gateway = ?
and not exists (select 1 from imports i where m.id between i.first_id and i.last_id)
group by substr(received_at, 1, {BUCKET}) order by 1"""
SAMPLES = f"""select min(sampled_at), max(sampled_at) from ups_samples where ups = ? and sampled_at > ?
group by substr(sampled_at, 1, {BUCKET}) order by 1"""


def heard(connection, gateway):
    """Stretches [from, to], UTC text, of messages of this gateway that were not imported."""
    return _join(connection.execute(MESSAGES, (gateway,)))


def sampled(connection, ups, after, hour_start):
    """Stretches of samples of this UPS later than `after`. Ingest keeps the running hour: from its start nothing is taken.

    `hour_start(unix seconds)` gives the start of the local hour as UTC text.
    """
    spans = _join(connection.execute(SAMPLES, (ups, after or "")))
    running = hour_start(time.time())
    if spans and spans[-1][1] >= running:
        spans[-1][0] = min(spans[-1][0], running)
    return spans


def _join(buckets):
    spans = []
    for start, end in buckets:
        if spans and seconds(start) - seconds(spans[-1][1]) <= GAP_S:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([start, end])
    return spans


def within(spans, at):
    """True when the time `at` (unix seconds) lies in one of the stretches."""
    text = utc(at)
    place = bisect_right(spans, text, key=lambda span: span[0])
    return place > 0 and text <= spans[place - 1][1]
