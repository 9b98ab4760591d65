"""How many messages came in each half hour of the last day, counted by id. Over a plain connection."""

import sqlite3
from collections.abc import MutableMapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.rowid_search import first_since
from ingest.db.time import format_utc
from ingest.mysensors.keepalive_messages import KEEPALIVE
from reporting.canned_queries import is_interrupt
from reporting.charts import Bar, BarChart, BarData, draw_bars

STEP_S = 1800
DAY_S = 86_400
STEPS = DAY_S // STEP_S
TICK_H = 3  # hours from one text below the bars to the next
COUNT = f"""select (select count(*) from messages where id >= :first and id < :end)
  - (select count(*) from messages indexed by messages_node
    where node in (select id from nodes where node_id = 0) and id >= :first and id < :end and {KEEPALIVE})"""


class HalfHour(NamedTuple):
    """Messages from `start`, unix seconds, on; None where they were not counted in time."""

    start: float
    messages: int | None


def read_traffic(
    connection: sqlite3.Connection, now: float, known: MutableMapping[float, int]
) -> list[HalfHour]:
    """Messages of all gateways without the answers to the keepalive, the oldest half hour first.

    The last one is not over yet. `known` are counts of half hours that are over, kept from one call to the
    next: where a time limit ends the counting, the next call goes on. A half hour after the newest message is
    counted again, as messages are stored late while a history is being filled.
    """
    last = now // STEP_S * STEP_S
    starts = [last - STEP_S * back for back in reversed(range(STEPS))]
    for old in set(known) - set(starts):
        known.pop(old, None)
    found: dict[float, int] = {}
    try:
        newest: tuple[str] | None = connection.execute(
            "select received_at from messages order by id desc limit 1"
        ).fetchone()
        for start in reversed(starts):
            if start not in known:
                found[start] = _count(connection, start, now)
            if start in found and newest is not None and format_utc(start + STEP_S) <= newest[0]:
                known[start] = found[start]
    except sqlite3.OperationalError as error:
        if not is_interrupt(error):
            raise
    counts = {**known, **found}
    return [HalfHour(start, counts.get(start)) for start in starts]


def draw_traffic(found: Sequence[HalfHour], timezone: str) -> BarChart | None:
    """The half hours as bars; None where nothing was counted."""
    zone, bars = ZoneInfo(timezone), []
    for half in found:
        at = datetime.fromtimestamp(half.start, zone)
        text = f"{at:%H:%M}" if at.hour % TICK_H == 0 and at.minute == 0 else ""
        end = datetime.fromtimestamp(half.start + STEP_S, zone)
        bars.append(Bar(text, f"{at:%a %-d %b %H:%M} to {end:%H:%M}", [half.messages]))
    counted = sum(half.messages or 0 for half in found)
    caption = f"per half hour, 24 h; {counted:,} in all"
    if any(half.messages is None for half in found):
        caption += "; older ones were not counted yet"
    return draw_bars(BarData("Messages", "", ["Messages"], bars, digits=0, caption=caption))


def _count(connection: sqlite3.Connection, start: float, now: float) -> int:
    limits = {"first": _first_id(connection, start, now), "end": _first_id(connection, start + STEP_S, now)}
    row: tuple[int] = connection.execute(COUNT, limits).fetchone()
    return row[0]


def _first_id(connection: sqlite3.Connection, at: float, now: float) -> int:
    """The id of the first message from `at` on, or the one after the newest."""
    text = format_utc(at)
    found = first_since(connection, "messages", "received_at", text, format_utc(now + DAY_S))
    row: tuple[int] = connection.execute(
        "select coalesce(max(id + (received_at < ?)), 0) from messages where id = ?", (text, found)
    ).fetchone()
    return row[0]
