"""Forecasts as rows: which nodes are due for one, what it is computed from, and the event BATTERY_DUE."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.time import format_utc, parse_utc
from ingest.forecast.courses import Earlier
from ingest.forecast.history import Prediction, days_of, discharges, earlier_discharges, predict
from ingest.forecast.knots import DayLevel
from ingest.forecast.text import about

DAY_S = 86_400
YEARS_S = 6 * 366 * DAY_S  # of levels that are read
AGAIN_S = 3600  # a forecast is made anew for newer levels at most this often
DUE_DAYS, LATER_DAYS, PAST_DAYS = 14, 21, 30  # BATTERY_DUE begins; ends; not for one that was empty long ago
EVENT = "BATTERY_DUE"
MOST_ALIKE = 4  # discharges of other nodes that a forecast is compared with

# `inputs` has what changes seldom, `newest` the last level.
PENDING = """with wanted as (
  select n.id as node, json_array(n.battery_changed_at, n.retired_at is not null,
      n.battery_refused_at is not null,
      (select value from settings where subject = 'nodes/' || n.id and key = 'battery_type'),
      (select json_array(rule, ended_at) from battery_recomputations where node = n.id),
      (select max(id) from node_replacements where state = 'done' and n.id in (old_node, new_node)),
      (select seq from changes where topic = 'imports'),
      (select min(received_at) from battery_levels where node = n.id)) as inputs,
    coalesce((select json_array(received_at, level) from battery_levels where node = n.id
      order by received_at desc limit 1), '') as newest
  from nodes n
)
select w.node, w.inputs, w.newest from wanted w left join battery_forecasts f on f.node = w.node
where f.node is null or f.inputs <> w.inputs or (f.newest <> w.newest and f.computed_at < ?)
order by w.node"""
NODE = """select n.retired_at is not null, n.battery_refused_at is not null,
  coalesce((select value from settings where subject = 'nodes/' || n.id and key = 'battery_type'), ''),
  (select received_at from battery_levels where node = n.id order by received_at desc limit 1)
from nodes n where n.id = ?"""
LEVELS = """select substr(received_at, 1, 10), level, count(*) from battery_levels
where node = ? and received_at >= ? group by 1, 2 order by 1, 2"""
CHANGES = "select changed_at from battery_changes where node = ?"
SAVE = """insert or replace into battery_forecasts
(node, computed_at, inputs, newest, level_at, level, empty_at, low_at, high_at, method, basis, course)
select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? where exists (select 1 from nodes where id = ?1)"""
# Nodes alike run the same sketch on batteries of the same type.
TYPE = "coalesce((select value from settings where subject = 'nodes/' || {}.id and key = 'battery_type'), '')"
ALIKE = f"""from nodes own join nodes other on other.sketch_name = own.sketch_name and other.id <> own.id
where own.id = ? and own.sketch_name <> '' and {TYPE.format("own")} = {TYPE.format("other")}"""
COURSES = f"""select f.course from battery_forecasts f where f.course is not null
and f.node in (select other.id {ALIKE}) order by f.level_at desc limit ?"""
AGAIN = f"update battery_forecasts set inputs = '' where node in (select other.id {ALIKE})"
TO_OPEN = """select f.node, f.empty_at, f.low_at, f.high_at from battery_forecasts f
where f.empty_at between ? and ? and not exists (
  select 1 from events e where e.event = 'BATTERY_DUE' and e.node = f.node and e.ended_at is null)"""
TO_CLOSE = """select e.id from events e left join battery_forecasts f on f.node = e.node
where e.event = 'BATTERY_DUE' and e.ended_at is null and (f.empty_at is null or f.empty_at > ?)"""
OPEN = "insert into events (event, node, started_at, detail, figures) values ('BATTERY_DUE', ?, ?, ?, ?)"


class Pending(NamedTuple):
    """A node that is due for a forecast, and what it is computed from."""

    node: int
    inputs: str
    newest: str


def pending(connection: sqlite3.Connection, now: float) -> list[Pending]:
    """The nodes whose forecast is missing or not of their present levels; `now` in unix seconds."""
    return [Pending(*row) for row in connection.execute(PENDING, (format_utc(now - AGAIN_S),))]


def make_forecast(connection: sqlite3.Connection, one: Pending, now: float) -> None:
    """Compute the forecast of a node outside of a transaction, and store it."""
    found = connection.execute(NODE, (one.node,)).fetchone()
    if found is None:
        return
    is_retired, is_refused, chemistry, level_at = found
    days = days_of(connection.execute(LEVELS, (one.node, format_utc(max(0.0, now - YEARS_S)))))
    parts = discharges(days, [at for (at,) in connection.execute(CHANGES, (one.node,))])
    prediction = predict(parts, chemistry, _alike(connection, one.node))
    course = _course(parts)
    if is_retired:
        prediction = Prediction(None, None, None, None, "the node is retired")
    elif is_refused:
        prediction = Prediction(
            None, None, None, None, "its newest report was refused: the level is not known"
        )
    times = [
        None if days is None or level_at is None else format_utc(parse_utc(level_at) + days * DAY_S)
        for days in (prediction.days, prediction.low, prediction.high)
    ]
    level = json.loads(one.newest)[1] if one.newest else None
    row = (one.node, format_utc(now), one.inputs, one.newest, level_at, level, *times)
    with transaction(connection):
        before = connection.execute("select course from battery_forecasts where node = ?", (one.node,))
        if course and course != (before.fetchone() or (None,))[0]:
            connection.execute(AGAIN, (one.node,))  # they learn from it
        connection.execute(SAVE, (*row, prediction.method, prediction.basis, course))
        raise_topics(connection, ("battery_levels",), now)


def _course(parts: Sequence[Sequence[DayLevel]]) -> str | None:
    """The last discharge that has ended, as JSON of its days and levels."""
    ended = earlier_discharges(parts if parts[-1] and parts[-1][-1].level <= 0 else parts[:-1])
    if not ended:
        return None
    return json.dumps([round(ended[-1].life, 1), [round(level, 1) for level in ended[-1].levels]])


def _alike(connection: sqlite3.Connection, node: int) -> list[Earlier]:
    found = [json.loads(course) for (course,) in connection.execute(COURSES, (node, MOST_ALIKE))]
    return [Earlier(life, tuple(levels)) for life, levels in found]


def follow_events(connection: sqlite3.Connection, timezone: str, now: float) -> None:
    """Open BATTERY_DUE of batteries that will be empty within DUE_DAYS; end it of those that will not."""
    to_open = connection.execute(
        TO_OPEN, (format_utc(max(0.0, now - PAST_DAYS * DAY_S)), format_utc(now + DUE_DAYS * DAY_S))
    ).fetchall()
    to_close = connection.execute(TO_CLOSE, (format_utc(now + LATER_DAYS * DAY_S),)).fetchall()
    if not to_open and not to_close:
        return
    zone = ZoneInfo(timezone)
    with transaction(connection):
        for node, *times in to_open:
            empty, low, high = _local_days(times, zone)
            text = about(empty, low, high, datetime.fromtimestamp(now, zone).date())
            figures = {"empty_on": f"{empty}", "low_on": f"{low}", "high_on": f"{high}"}
            connection.execute(OPEN, (node, format_utc(now), f"battery empty {text}", json.dumps(figures)))
        for (event,) in to_close:
            connection.execute("update events set ended_at = ? where id = ?", (format_utc(now), event))
        raise_topics(connection, ("events",), now)


def _local_days(times: list[str], zone: ZoneInfo) -> Iterator[date]:
    return (datetime.fromtimestamp(parse_utc(at), zone).date() for at in times)
