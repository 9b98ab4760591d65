"""What the database says of the UPSes of a plan: their outages, and the figures of now."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ingest.db.connection import Row, dict_rows
from ingest.db.moment import Moment
from ingest.db.time import format_utc, parse_utc
from ingest.ups.status import status_tokens
from outbound.plan.boots import earlier_boots
from outbound.plan.situation import BatteryReading, OutageEvent, PlanFigures, worst_of

RECENT = 5000  # rows of ups_samples among which the newest of a UPS are looked for
# An event that turned out to be a self-test stays with the run that it began.
OUTAGES = """select e.id, u.name as ups, e.event, e.started_at, e.ended_at, e.boot_id, e.boottime_s,
  json_extract(e.figures, '$.seconds') as seconds
from ups u join events e indexed by events_ups on e.ups = u.id
where u.name in ({names}) and e.id >= ? and (e.event = 'ONBATT' or e.id = ?)
union
select e.id, u.name, e.event, e.started_at, e.ended_at, e.boot_id, e.boottime_s,
  json_extract(e.figures, '$.seconds')
from events e indexed by events_open join ups u on u.id = e.ups
where e.ended_at is null and e.event = 'ONBATT' and u.name in ({names})"""
UPSES = "select id, name, outcome, configured, status_at, last_sample_at from ups where name in ({names})"
SAMPLES = """select id, sampled_at, ups_status, battery_charge, battery_runtime from ups_samples
where id > (select coalesce(max(id), 0) - ? from ups_samples) and ups = ? order by id desc limit 2"""
# Of two samples in a row the better one, and one that says LB, as `battery_figures` has it.
LOWEST = """select min(charge) as charge, min(runtime) as runtime from (
  select ups,
    iif(' ' || ups_status || ' ' like '% LB %', battery_charge,
      max(battery_charge, lag(battery_charge) over of_ups)) as charge,
    iif(' ' || ups_status || ' ' like '% LB %', battery_runtime,
      max(battery_runtime, lag(battery_runtime) over of_ups)) as runtime
  from ups_samples
  where ups in (select id from ups where name in ({names})) and sampled_at >= ? and sampled_at <= ?
  window of_ups as (partition by ups order by id)
) group by ups"""


def read_outages(
    connection: sqlite3.Connection, upses: Sequence[str], floor: int, run_outage: int | None, boot_id: str
) -> list[OutageEvent]:
    """The outages of these UPSes with ids from `floor` on, and those that go on.

    What is no outage any more, `run_outage`, is one without length. `boot_id` is the present boot.
    """
    sql = OUTAGES.format(names=_marks(upses))
    values = (*upses, floor, -1 if run_outage is None else run_outage, *upses)
    return [_of_boots(connection, _outage(row), boot_id) for row in dict_rows(connection, sql, values)]


def _of_boots(connection: sqlite3.Connection, outage: OutageEvent, boot_id: str) -> OutageEvent:
    """With what is known of earlier boots, where it goes on since one."""
    if outage.seconds is not None or outage.boottime is None or outage.boot_id in ("", boot_id):
        return outage
    return outage._replace(earlier=earlier_boots(connection, outage.boot_id, outage.boottime, boot_id))


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _outage(row: Row) -> OutageEvent:
    started = parse_utc(row["started_at"])
    seconds: float | None = None
    if row["event"] != "ONBATT":
        seconds = 0.0
    elif row["ended_at"] is not None:
        seconds = row["seconds"]
        if seconds is None:
            seconds = max(0.0, parse_utc(row["ended_at"]) - started)
    return OutageEvent(row["id"], row["ups"], started, seconds, row["boot_id"] or "", row["boottime_s"])


class _Sample(NamedTuple):
    id: int
    at: float
    on_mains: bool
    charge: float | None
    runtime_s: float | None
    is_low: bool


class PlanReader:
    """Reads the figures of UPSes; it remembers when it saw a sample first, and what it saw at its start."""

    def __init__(self, upses: Sequence[str]) -> None:
        self._upses = tuple(upses)
        self._seen: dict[str, tuple[int, float]] = {}  # UPS -> newest sample, CLOCK_BOOTTIME when it came
        self._heard: dict[str, tuple[object, object]] = {}  # UPS -> its times at the first look
        self.heard: set[str] = set()  # UPSes that have answered since this process started

    def read(
        self, connection: sqlite3.Connection, started: Mapping[str, float], now: Moment
    ) -> dict[str, PlanFigures]:
        """The figures of each UPS. `started`: UPS -> when its outage began, unix seconds."""
        found = {}
        for row in dict_rows(connection, UPSES.format(names=_marks(self._upses)), self._upses):
            name, times = row["name"], (row["status_at"], row["last_sample_at"])
            if self._heard.setdefault(name, times) != times:
                self.heard.add(name)
            is_read = row["outcome"] == "ok" and bool(row["configured"])
            samples = [_sample(one) for one in dict_rows(connection, SAMPLES, (RECENT, row["id"]))]
            ages = self._ages(name, samples, now)
            readings = [
                BatteryReading(one.charge, one.runtime_s, age, one.is_low)
                for one, age in zip(samples, ages, strict=True)
            ]
            since = started.get(name, float("inf"))
            battery = [
                reading
                for reading, one in zip(readings, samples, strict=True)
                if one.at >= since or one.at > now.wall
            ]
            newest = readings[0] if readings else None
            found[name] = PlanFigures(battery, newest, is_read, bool(samples) and samples[0].on_mains)
        return found

    def _ages(self, name: str, samples: Sequence[_Sample], now: Moment) -> list[float]:
        """How old the samples are: by CLOCK_BOOTTIME since the newest came, where that was seen."""
        if not samples:
            return []
        known, newest = self._seen.get(name), samples[0]
        if known is None:
            came = now.boottime - max(0.0, now.wall - newest.at)
        else:
            came = known[1] if known[0] == newest.id else now.boottime
        self._seen[name] = (newest.id, came)
        age = max(0.0, now.boottime - came)
        return [age + max(0.0, newest.at - one.at) for one in samples]


def _sample(row: Row) -> _Sample:
    tokens = status_tokens(row["ups_status"])
    return _Sample(
        row["id"],
        parse_utc(row["sampled_at"]),
        "OL" in tokens and "OB" not in tokens,
        row["battery_charge"],
        row["battery_runtime"],
        "LB" in tokens,
    )


def read_lowest(
    connection: sqlite3.Connection, upses: Sequence[str], needs_all: bool, began: float, ended: float
) -> tuple[float | None, float | None]:
    """The lowest charge and runtime between two times in unix seconds."""
    sql = LOWEST.format(names=_marks(upses))
    rows = dict_rows(connection, sql, (*upses, format_utc(began), format_utc(ended)))
    charge, runtime_s = (worst_of((row[name] for row in rows), needs_all) for name in ("charge", "runtime"))
    return charge, runtime_s


def newest_outage(connection: sqlite3.Connection) -> int:
    """The highest id of an event ONBATT that has ended, 0 where there is none."""
    row: tuple[int] = connection.execute(
        "select coalesce(max(id), 0) from events where event = 'ONBATT' and ended_at is not null"
    ).fetchone()
    return row[0]
