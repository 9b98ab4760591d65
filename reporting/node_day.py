"""The last day of the channels of a node, in tens of minutes. Over a plain connection."""

import sqlite3
from collections.abc import MutableMapping
from typing import NamedTuple

from ingest.db.time import format_utc, parse_utc
from reporting.canned_queries import is_interrupt
from reporting.charts import Point

HOURS_SHOWN, HOUR_S, MIDDLE_S = 24, 3600, 300
DECIMALS = 3
KEPT = 2000  # hours of channels in memory, a kilobyte each: those of a dozen nodes
CHANNELS = "select id from channels where node = ?"
HOURS = """select h.channel, h.hour_at, h.numbers, h.min, h.avg, h.max
from channels c cross join readings_hourly h on h.channel = c.id and h.hour_at >= ? where c.node = ?"""
TENS = """select substr(received_at, 1, 15) || '0:00.000Z', avg(value), min(value), max(value), count(*)
from readings where channel = ? and received_at >= ? and received_at < ? and value is not null
and wrong is null group by 1 order by 1 desc"""

Figures = tuple[int, float | None, float | None, float | None]  # numbers, min, avg, max of an hour


class KeptHour(NamedTuple):
    """The points of an hour, the newest first, and the figures in `readings_hourly` that agree with them."""

    figures: Figures
    points: list[Point]


KeptHours = MutableMapping[tuple[int, str], KeptHour]  # by channel and hour_at


def read_day(
    connection: sqlite3.Connection, node: int, now: float, kept: KeptHours
) -> dict[int, list[Point]]:
    """channels.id -> the means of each ten minutes with the least and the greatest value, the oldest first.

    `kept` are hours from one call to the next: one whose figures are the same is not read again. Where a time
    limit ends the reading, the newest hours are returned, and the next call goes on.
    """
    last, since = now // HOUR_S * HOUR_S, now - HOURS_SHOWN * HOUR_S
    hours = [format_utc(last - HOUR_S * back) for back in range(HOURS_SHOWN + 1)]
    if len(kept) > KEPT:
        kept.clear()
    found: dict[int, list[Point]] = {}
    try:
        channels: list[tuple[int]] = connection.execute(CHANNELS, (node,)).fetchall()
        figures: dict[tuple[int, str], Figures] = {
            row[:2]: row[2:] for row in connection.execute(HOURS, (hours[-1], node))
        }
        for hour_at in hours:
            for (channel,) in channels:
                points = _read_hour(connection, (channel, hour_at), figures.get((channel, hour_at)), kept)
                found.setdefault(channel, []).extend(points)
    except sqlite3.OperationalError as error:
        if not is_interrupt(error):
            raise
    return {
        channel: [point for point in reversed(points) if point.at + MIDDLE_S > since]
        for channel, points in found.items()
        if points
    }


def _read_hour(
    connection: sqlite3.Connection, key: tuple[int, str], figures: Figures | None, kept: KeptHours
) -> list[Point]:
    """The points of an hour, the newest first.

    It is kept where its figures are of as many values: while the clock is not known, or is being corrected,
    values and figures of an hour are not the same ones.
    """
    channel, hour_at = key
    hour = kept.get(key)
    if hour is not None and hour.figures == figures:
        return hour.points
    points, count = [], 0
    end = format_utc(parse_utc(hour_at) + HOUR_S)
    for at, mean, low, high, many in connection.execute(TENS, (channel, hour_at, end)):
        points.append(Point(parse_utc(at) + MIDDLE_S, round(mean, DECIMALS), low, high))
        count += many
    if figures is not None and figures[0] == count:
        kept[key] = KeptHour(figures, points)
    return points
