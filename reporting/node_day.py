"""The last day of the channels of a node, in tens of minutes. Over a plain connection."""

import sqlite3
from collections.abc import MutableMapping
from typing import NamedTuple

from ingest.db.time import format_utc, parse_utc
from reporting.canned_queries import is_interrupt
from reporting.charts import Point

DAY_S, HOUR_S, MIDDLE_S = 86_400, 3600, 300
DECIMALS = 3
KEPT = 2000  # hours of channels in memory, a kilobyte each: those of a dozen nodes
HOURS = """select h.channel, h.hour_at, h.count, h.min, h.avg, h.max
from channels c cross join readings_hourly h on h.channel = c.id and h.hour_at >= :since
where c.node = :node and h.numbers > 0 order by h.hour_at desc"""
TENS = """select substr(received_at, 1, 15) || '0:00.000Z', avg(value), min(value), max(value) from readings
where channel = ? and received_at >= ? and received_at < ? and value is not null and wrong is null
group by 1 order by 1"""


class KeptHour(NamedTuple):
    """The points of an hour, and the figures in `readings_hourly` that they were read beside."""

    figures: tuple[int, float, float, float]
    points: list[Point]


KeptHours = MutableMapping[tuple[int, str], KeptHour]  # by channel and hour_at


def read_day(
    connection: sqlite3.Connection, node: int, now: float, kept: KeptHours
) -> dict[int, list[Point]]:
    """channels.id -> the means of each ten minutes with the least and the greatest value, the oldest first.

    `kept` are hours from one call to the next: one whose figures are the same is not read again. Where a time
    limit ends the reading, the newest hours are returned, and the next call goes on.
    """
    found: dict[int, list[Point]] = {}
    since = now - DAY_S
    if len(kept) > KEPT:
        kept.clear()
    try:
        first = format_utc(since // HOUR_S * HOUR_S)
        hours = connection.execute(HOURS, {"node": node, "since": first}).fetchall()
        for channel, hour_at, *figures in hours:
            hour = kept.get((channel, hour_at))
            if hour is None or hour.figures != tuple(figures):
                hour = KeptHour(tuple(figures), _read_hour(connection, channel, hour_at))
                kept[channel, hour_at] = hour
            found.setdefault(channel, []).extend(reversed(hour.points))
    except sqlite3.OperationalError as error:
        if not is_interrupt(error):
            raise
    return {
        channel: [point for point in reversed(points) if point.at + MIDDLE_S > since]
        for channel, points in found.items()
    }


def _read_hour(connection: sqlite3.Connection, channel: int, hour_at: str) -> list[Point]:
    end = format_utc(parse_utc(hour_at) + HOUR_S)
    return [
        Point(parse_utc(at) + MIDDLE_S, round(mean, DECIMALS), low, high)
        for at, mean, low, high in connection.execute(TENS, (channel, hour_at, end))
    ]
