"""Replacements that users ask for: the history of a node, or of a child, goes on under another one.

A replacement is a row of `node_replacements`, so that it survives a restart. Rows move in batches, each in
one transaction with its count, so that a row is under the old id or under the new one, once. `messages` stay
as they were sent. Moved rows remember whose they were (`moved_from`, `moved_hours`, `moved_days`): the same
job the other way takes a replacement back, and leaves what the new node sent itself; a chain of them goes
back step by step (`replacement_origins`). Hours and days that both have are merged as imports merge them;
going back, counts and means are taken out again, and extremes are those that the new node had.

The last transaction takes what came meanwhile, brings nodes and channels in line, and raises the topic by
which ingest, which holds them in memory (`Store`), learns of it.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from ingest.db.batches import DEFAULT_LIMITS, BatchLimits, BatchRunner, StoppedError, open_for_deleting
from ingest.db.changes import raise_topics
from ingest.db.connection import Row, dict_rows, transaction
from ingest.db.time import format_utc
from ingest.maintenance.replacement_origins import Origins, find_origins, read_origins
from ingest.maintenance.replacement_plan import STAYS, ChildMove, child_moves, daily_where, is_child
from ingest.mysensors.interval_stats import MERGE_DAYS, series_key
from ingest.mysensors.state import MERGE_HOURS

TOPIC = "node_replacements"
TOPICS = (TOPIC, "messages", "nodes", "readings", "settings")
HOUR = "count, min, avg, max, numbers"
DAY = """day, series, node, sensor, child_id, command, type, type_name, messages, intervals,
min_interval_s, avg_interval_s, max_interval_s"""
# The old one may be heard while the job runs: then an hour or a day of it comes twice.
KEEP_HOUR = f"""insert into moved_hours (replacement, channel, hour_at, {HOUR}, wrong, own_min, own_max)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (replacement, channel, hour_at)
do update set {MERGE_HOURS.partition("do update set")[2]}"""
KEEP_DAY = f"""insert into moved_days
(replacement, {DAY.replace("node", "old_node")}, own_min_interval_s, own_max_interval_s)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (replacement, day, series)
do update set {MERGE_DAYS.partition("do update set")[2]}"""

# Take the part of the old one out of an hour or a day that both had: parameters by name.
TAKE_OUT_HOUR = """update readings_hourly set count = count - :count, numbers = numbers - :numbers,
avg = case when numbers > :numbers then
  (avg * numbers - coalesce(:avg, 0) * :numbers) / (numbers - :numbers) end,
min = case when numbers > :numbers then coalesce((select min(value) from readings r where r.channel = :new
  and r.wrong is null and r.received_at >= :hour_at
  and r.received_at < strftime('%Y-%m-%dT%H:%M:%fZ', :hour_at, '+1 hour')), :own_min, min) end,
max = case when numbers > :numbers then coalesce((select max(value) from readings r where r.channel = :new
  and r.wrong is null and r.received_at >= :hour_at
  and r.received_at < strftime('%Y-%m-%dT%H:%M:%fZ', :hour_at, '+1 hour')), :own_max, max) end
where channel = :new and hour_at = :hour_at"""
TAKE_OUT_DAY = """update node_daily set messages = messages - :messages, intervals = intervals - :intervals,
avg_interval_s = case when intervals > :intervals then
  (avg_interval_s * intervals - coalesce(:avg_interval_s, 0) * :intervals) / (intervals - :intervals) end,
min_interval_s = case when intervals > :intervals then coalesce(:own_min_interval_s, min_interval_s) end,
max_interval_s = case when intervals > :intervals then coalesce(:own_max_interval_s, max_interval_s) end
where day = :day and series = :new_series"""
COPY_SENSOR = """insert into sensors
(name, id, node, child_id, type, type_name, description, first_seen_at, last_seen_at)
select '', ?, ?, ?, type, type_name, description, first_seen_at, last_seen_at from sensors
where id = ? on conflict (id) do nothing"""
COPY_CHANNEL = """insert into channels (name, id, node, sensor, type, type_name, usual, spread)
select '', ?, ?, ?, type, type_name, usual, spread from channels where id = ? on conflict (id) do nothing"""


def next_replacement(connection: sqlite3.Connection) -> Row | None:
    """Return the row of the oldest replacement that is not done, or not taken back yet; or None."""
    query = """select * from node_replacements where state in ('queued', 'running', 'reverting')
    order by id limit 1"""
    return next(iter(dict_rows(connection, query)), None)


def replace_node(
    path: Path, replacement: Row, stop: threading.Event | None = None, limits: BatchLimits = DEFAULT_LIMITS
) -> int:
    """Do one replacement, or take one back; started again, it goes on. Returns the number of rows.

    Raises StoppedError or sqlite3.Error.
    """
    with closing(open_for_deleting(path)) as connection:
        job = ReplacementJob(BatchRunner(connection, stop, limits), replacement)
        try:
            job.run()
        except StoppedError:
            raise
        except Exception as error:
            with transaction(connection):
                connection.execute(
                    "update node_replacements set state = 'failed', detail = ?, done_at = ? where id = ?",
                    (str(error), format_utc(time.time()), replacement["id"]),
                )
            raise
        found = connection.execute("select rows from node_replacements where id = ?", (replacement["id"],))
        return int(found.fetchone()[0])


class ReplacementJob:
    """One run of one replacement; `back`: it is taken back."""

    def __init__(self, runner: BatchRunner, replacement: Row) -> None:
        self._runner, self._row = runner, replacement
        self._connection = runner.connection
        self._id, self._old, self._new = replacement["id"], replacement["old_node"], replacement["new_node"]
        self._back = replacement["state"] == "reverting"

    def run(self) -> None:
        """Move everything. Raises StoppedError."""
        self._runner.locked(self._begin)
        steps = list(self._steps())
        for step in steps:
            self._runner.run(partial(self._run_batch, step))
        self._runner.locked(lambda: self._finish(steps))

    def _run_batch(self, step: Callable[[int], int], size: int) -> bool:
        return self._runner.locked(lambda: self._count(step(size))) > 0

    def _begin(self) -> None:
        if not self._back:
            moves = [move for move in child_moves(self._connection, self._row) if move.outcome != STAYS]
            started = self._row["kept"] != "{}"
            if not started:
                self._row["kept"] = json.dumps({"children": [vars(move) for move in moves]})
                self._row["kept"] = json.dumps(json.loads(self._row["kept"]) | {"origins": self._find().kept})
            self._make_targets(self._children())
        self._connection.execute(
            "update node_replacements set state = ?, started_at = coalesce(started_at, ?), kept = ? "
            "where id = ?",
            (
                "reverting" if self._back else "running",
                format_utc(time.time()),
                self._row["kept"],
                self._id,
            ),
        )

    def _find(self) -> Origins:
        return find_origins(self._connection, self._row, [old for old, _ in self._channels()])

    def _make_targets(self, moves: list[ChildMove]) -> None:
        """Sensors and channels of the new node, so that rows can refer to them."""
        for move in moves:
            self._connection.execute(COPY_SENSOR, (move.new, move.new // 256, move.new % 256, move.old))
            for (channel,) in self._connection.execute(
                "select id from channels where sensor = ?", (move.old,)
            ).fetchall():
                new = 256 * move.new + channel % 256
                self._connection.execute(COPY_CHANNEL, (new, move.new // 256, move.new, channel))

    def _children(self) -> list[ChildMove]:
        return [ChildMove(**child) for child in json.loads(self._row["kept"])["children"]]

    def _channels(self) -> list[tuple[int, int]]:
        """(old, new) ids of channels."""
        return [
            (channel, 256 * move.new + channel % 256)
            for move in self._children()
            for (channel,) in self._connection.execute(
                "select id from channels where sensor = ? order by id", (move.old,)
            ).fetchall()
        ]

    def _steps(self) -> Iterator[Callable[[int], int]]:
        """Functions that move at most so many rows in an open transaction and return how many they moved."""
        for old, new in self._channels():
            yield partial(self._move, "readings", "channel", old, new)
            if not self._back:
                yield partial(self._merge_hours, old, new)
        if not is_child(self._row):
            for table in ("battery_levels", "battery_changes"):
                yield partial(self._move, table, "node", self._old, self._new)
        if self._back:
            yield self._return_hours
            yield self._return_days
        else:
            yield self._merge_days

    def _count(self, rows: int) -> int:
        self._connection.execute(
            "update node_replacements set rows = rows + ? where id = ?", (rows, self._id)
        )
        return rows

    def _move(self, table: str, column: str, old: int, new: int, size: int) -> int:
        if self._back:
            first = ", ".join(map(str, self._origins(column, old)))
            chosen = f"select id from {table} where {column} = :new and moved_from in ({first}) limit :size"
            change = f"{column} = :old, moved_from = nullif(moved_from, :old)"
        else:
            chosen = f"select id from {table} where {column} = :old limit :size"
            change = f"{column} = :new, moved_from = coalesce(moved_from, :old)"
        return self._connection.execute(
            f"update {table} set {change} where id in ({chosen})", {"old": old, "new": new, "size": size}
        ).rowcount

    def _origins(self, column: str, old: int) -> list[int]:
        """What the rows of `old`, a channel or a node, have in `moved_from`."""
        kept = read_origins(self._row)
        if kept is None:
            return [old]
        return kept.of_channel(old) if column == "channel" else kept.nodes

    # Figures of hours and days, which both may have.

    def _merge_hours(self, old: int, new: int, size: int) -> int:
        rows = self._connection.execute(
            f"select hour_at, {HOUR}, wrong from readings_hourly where channel = ? limit ?", (old, size)
        ).fetchall()
        for hour_at, *figures, wrong in rows:
            own = self._connection.execute(
                "select min, max from readings_hourly where channel = ? and hour_at = ?", (new, hour_at)
            ).fetchone() or (None, None)
            self._connection.execute(KEEP_HOUR, (self._id, old, hour_at, *figures, wrong, *own))
            self._connection.execute(MERGE_HOURS, (new, hour_at, *figures))
            if wrong is not None:
                self._connection.execute(
                    "update readings_hourly set wrong = ? where channel = ? and hour_at = ?",
                    (wrong, new, hour_at),
                )
        self._connection.executemany(
            "delete from readings_hourly where channel = ? and hour_at = ?", [(old, row[0]) for row in rows]
        )
        return len(rows)

    def _return_hours(self, size: int) -> int:
        rows = list(
            dict_rows(
                self._connection, "select * from moved_hours where replacement = ? limit ?", (self._id, size)
            )
        )
        sensors = {move.old: move.new for move in self._children()}
        for row in rows:
            new = 256 * sensors[row["channel"] // 256] + row["channel"] % 256
            self._connection.execute(TAKE_OUT_HOUR, row | {"new": new})
            self._connection.execute(
                "delete from readings_hourly where channel = ? and hour_at = ? and count <= 0",
                (new, row["hour_at"]),
            )
            self._connection.execute(
                MERGE_HOURS, (row["channel"], row["hour_at"], *(row[name] for name in HOUR.split(", ")))
            )
            if row["wrong"] is not None:
                self._connection.execute(
                    "update readings_hourly set wrong = ? where channel = ? and hour_at = ?",
                    (row["wrong"], row["channel"], row["hour_at"]),
                )
        self._connection.executemany(
            "delete from moved_hours where replacement = ? and channel = ? and hour_at = ?",
            [(self._id, row["channel"], row["hour_at"]) for row in rows],
        )
        return len(rows)

    def _new_day(self, row: Row) -> Row:
        """The same row of `node_daily` for the new node."""
        child, sensor = row["child_id"], row["sensor"]
        if is_child(self._row):
            child = self._row["new_child_id"]
        moved = {move.old: move.new for move in self._children()}
        command, type = row["command"], row["type"]
        series = series_key(
            self._new,
            -1 if child is None else child,
            -1 if command is None else command,
            -1 if type is None else type,
        )
        new = {"series": series, "node": self._new, "child_id": child, "sensor": moved.get(sensor)}
        return row | new

    def _merge_days(self, size: int) -> int:
        rows = list(
            dict_rows(
                self._connection,
                f"select {DAY} from node_daily where {daily_where(self._row)} limit {size}",
            )
        )
        for row in rows:
            new = self._new_day(row)
            own = self._connection.execute(
                "select min_interval_s, max_interval_s from node_daily where day = :day and series = :series",
                new,
            ).fetchone() or (None, None)
            self._connection.execute(KEEP_DAY, (self._id, *row.values(), *own))
            self._connection.execute(MERGE_DAYS, tuple(new.values()))
            self._connection.execute("delete from node_daily where day = :day and series = :series", row)
        return len(rows)

    def _return_days(self, size: int) -> int:
        rows = list(
            dict_rows(
                self._connection, "select * from moved_days where replacement = ? limit ?", (self._id, size)
            )
        )
        names = DAY.replace("\n", " ").split(", ")
        for row in rows:
            row["node"] = row["old_node"]
            series = self._new_day({name: row[name] for name in names})["series"]
            self._connection.execute(TAKE_OUT_DAY, row | {"new_series": series})
            self._connection.execute(
                "delete from node_daily where day = ? and series = ? and messages <= 0", (row["day"], series)
            )
            self._connection.execute(MERGE_DAYS, tuple(row[name] for name in names))
            self._connection.execute(
                "delete from moved_days where replacement = ? and day = ? and series = ?",
                (self._id, row["day"], row["series"]),
            )
        return len(rows)

    # The last transaction.

    def _finish(self, steps: list[Callable[[int], int]]) -> None:
        for step in steps:
            while self._count(step(10_000)):
                continue
        kept = json.loads(self._row["kept"])
        if self._back:
            self._return_state(kept)
        else:
            self._move_state(kept)
        self._connection.execute(
            "update node_replacements set state = ?, done_at = ?, kept = ? where id = ?",
            ("reverted" if self._back else "done", format_utc(time.time()), json.dumps(kept), self._id),
        )
        raise_topics(self._connection, TOPICS)

    def _move_state(self, kept: dict[str, object]) -> None:
        """Channels, settings and places of the old one go on under the new one, where that has none."""
        connection = self._connection
        channels: dict[str, int] = {}
        own: dict[str, str | None] = {}  # first_at of channels of the new one
        for old, new in self._channels():
            readings, first_at, value, text, last_at = connection.execute(
                "select readings, first_at, value, text, last_at from channels where id = ?", (old,)
            ).fetchone()
            channels[str(old)] = readings
            (own[str(new)],) = connection.execute(
                "select first_at from channels where id = ?", (new,)
            ).fetchone()
            connection.execute(
                "update channels set readings = readings + ?1, "
                "first_at = min(coalesce(first_at, ?2), coalesce(?2, first_at)), "
                "value = iif(last_at is null, ?3, value), text = iif(last_at is null, ?4, text), "
                "last_at = coalesce(last_at, ?5) where id = ?6",
                (readings, first_at, value, text, last_at, new),
            )
            connection.execute("update channels set readings = 0 where id = ?", (old,))
        kept["channels"], kept["first_at"] = channels, own
        subjects = [(f"sensors/{move.old}", f"sensors/{move.new}") for move in self._children()]
        if not is_child(self._row):
            subjects.append((f"nodes/{self._old}", f"nodes/{self._new}"))
            kept["node"] = self._move_node()
        kept["settings"] = [
            (old, new, key)
            for old, new in subjects
            for (key,) in connection.execute("select key from settings where subject = ?", (old,)).fetchall()
            if connection.execute(
                "update or ignore settings set subject = ? where subject = ? and key = ?", (new, old, key)
            ).rowcount
        ]

    def _move_node(self) -> dict[str, object]:
        """Retire the old node; return what was written into the row of the new one."""
        row = next(
            iter(
                dict_rows(
                    self._connection,
                    "select o.location, o.battery_changed_at, o.first_seen_at, n.location as new_location, "
                    "n.battery_changed_at as new_battery_changed_at, n.first_seen_at as new_first_seen_at "
                    "from nodes o, nodes n where o.id = ? and n.id = ?",
                    (self._old, self._new),
                )
            )
        )
        moved: dict[str, object] = {}
        if row["location"] and not row["new_location"]:
            moved["location"] = row["location"]
        if row["battery_changed_at"] and not row["new_battery_changed_at"]:
            moved["battery_changed_at"] = row["battery_changed_at"]
        for column, value in moved.items():
            self._connection.execute(f"update nodes set {column} = ? where id = ?", (value, self._new))
        self._connection.execute(
            "update nodes set retired_at = ? where id = ? and retired_at is null",
            (format_utc(time.time()), self._old),
        )
        return moved

    def _return_state(self, kept: dict[str, object]) -> None:
        connection = self._connection
        numbers, settings, node = kept.get("channels"), kept.get("settings"), kept.get("node")
        own = kept.get("first_at")
        for old, new in self._channels():
            readings = numbers.get(str(old), 0) if isinstance(numbers, dict) else 0
            connection.execute(
                "update channels set readings = max(0, readings - ?), first_at = coalesce(?, (select "
                "min(received_at) from readings where channel = channels.id and wrong is null)) where id = ?",
                (readings, own.get(str(new)) if isinstance(own, dict) else None, new),
            )
            connection.execute("update channels set readings = readings + ? where id = ?", (readings, old))
        for old, new, key in settings if isinstance(settings, list) else []:
            connection.execute(
                "update or ignore settings set subject = ? where subject = ? and key = ?", (old, new, key)
            )
        if not is_child(self._row):
            connection.execute("update nodes set retired_at = null where id = ?", (self._old,))
        for column, value in (node if isinstance(node, dict) else {}).items():
            empty = "''" if column == "location" else "null"
            connection.execute(
                f"update nodes set [{column}] = {empty} where id = ? and [{column}] = ?", (self._new, value)
            )
