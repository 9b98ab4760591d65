"""A database file with many messages and UPS samples, spread evenly over the days up to now.

About the outage of each day there is a sample every 6 s, also where there are few on the whole.

The same arguments make the same rows. Two whole days and today go through the real stores; the days between
are copies of the second one with other dates and ids: what ingest would have written of the same messages.
"""

import random
import shutil
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

from common import SENSORS, traffic

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.maintenance.table_sizes import measure
from ingest.mysensors.replay import replay
from ingest.schema.migrate import migrate
from ingest.ups.records import Poll
from ingest.ups.registry import UpsSource, register
from ingest.ups.store import UpsStore

NODES = 200
UPSES = ("rack@closet", "desk@closet", "attic@closet")
SOURCE = UpsSource("closet", "nut", "127.0.0.1:1", UPSES)
TOGETHER = 50  # messages with the same time, so that a large file is made in minutes
DAY = 86400
OUTAGE_AT, OUTAGE_S = 13 * 3600, 1200  # of each day, whatever the number of samples
AROUND_S, OUTAGE_STEP_S = 300, 6.0  # so long before and after it there is a sample so often at least
COMMIT = 5_000
GATEWAY = "main", "tcp 127.0.0.1:1"
# What a day leaves: rows with an id, and rows of a day or an hour.
WITH_ID = {
    "messages": ("received_at",),
    "readings": ("received_at",),
    "battery_levels": ("received_at",),
    "oddities": ("at",),
    "events": ("started_at", "ended_at"),
    "ups_samples": ("sampled_at",),
    "ups_figures": ("sampled_at",),
}
KEYED = {
    "node_daily": "day",
    "node_gaps": "day",
    "node_radio_daily": "day",
    "battery_daily": "day",
    "readings_hourly": "hour_at",
    "ups_minutes": "minute_at",
    "ups_samples_hourly": "hour_at",
    "ups_figures_hourly": "hour_at",
}
LAST = {
    "gateways": ("last_seen_at",),
    "nodes": ("last_seen_at", "battery_level_at"),
    "sensors": ("last_seen_at",),
    "channels": ("last_at",),
    "ups": ("last_sample_at", "status_at", "outcome_at"),
    "polls": ("ended_at",),
}


def make_database(path, messages, samples, days, kept=None, nodes=NODES):
    """Make the file. `kept` is a folder that caches such files."""
    kept = kept and Path(kept) / f"by-days-{messages}-{samples}-{days}-{nodes}.db"
    if kept and kept.exists():
        shutil.copy(kept, path)
        migrate(path)
    else:
        migrate(path)
        _fill(path, messages, samples, days, nodes)
        if kept:
            shutil.copy(path, kept)
    now = time.time()  # making a large file takes minutes, after which no node may count as silent
    replay(path, *GATEWAY, [(now, f"{node};1;1;0;1;21.0".encode()) for node in range(1, nodes + 1)], "UTC")


def _fill(path, messages, samples, days, nodes):
    """Days are those of UTC: the last one is today, as far as it has gone."""
    now = time.time()
    today = now // DAY * DAY
    share = 1 / (days - 1 + (now - today) / DAY)  # of all that a whole day has
    lines, polls = round(messages * share), round(samples * share / len(UPSES))
    first = today - (days - 1) * DAY
    made = [first + DAY * number for number in range(min(2, days - 1))]
    with closing(connect(path)) as connection:
        register(connection, [SOURCE], {})
    channels = [
        f"{node};{child};1;0;{child % 2};20" for node in range(1, nodes + 1) for child in range(SENSORS)
    ]
    replay(path, *GATEWAY, [(first, line.encode()) for line in channels], "UTC")  # a small file has all, too
    before = []
    for start in made:
        before.append(_last_ids(path))
        _store_day(path, start, lines, polls, nodes)
    if days > 3:
        _copy_day(path, made[1], days - 3, before[1])
    _store_day(path, today, lines, polls, nodes, until=now)
    with closing(connect(path)) as connection:
        measure(connection)  # as the maintenance job does each day


def _store_day(path, start, lines, polls, nodes, until=None):
    """One day by the real stores; all days are alike."""
    until = until or start + DAY
    count = int(lines * (until - start) / DAY)
    recording = (
        (start + DAY * (number // TOGETHER * TOGETHER + 1) / lines, line.rstrip("\n").encode())
        for number, line in enumerate(islice(traffic(lines, nodes=nodes), count))
    )
    replay(path, *GATEWAY, recording, "UTC")
    with closing(connect(path, durable=False)) as connection:
        store = UpsStore(connection, "UTC", [SOURCE], {}, logging_enabled=False)
        for number, poll in enumerate(_polls(start, polls, until), 1):
            store.absorb(poll)
            if number % COMMIT == 0:
                _commit(connection, store)
        _commit(connection, store)


def _last_ids(path):
    with closing(connect(path)) as connection:
        return {
            table: connection.execute(f"select coalesce(max(id), 0) from {table}").fetchone()[0]
            for table in WITH_ID
        }


def _copy_day(path, start, copies, before):
    """`copies` more days like the one that begins at `start`; `before` are the highest ids before it."""
    days = [format_utc(start + DAY * number)[:10] for number in range(copies + 1)]
    spans = {table: last - before[table] for table, last in _last_ids(path).items()}
    with closing(connect(path)) as connection:
        connection.execute("pragma cache_size = -200000")
        connection.execute("pragma journal_mode = off")
        for table, times in WITH_ID.items():
            where = f"id > {before[table]} and id <= {before[table] + spans[table]}"
            new = {at: f"d.date || substr(t.{at}, 11)" for at in times}
            new["id"] = f"t.id + d.number * {spans[table]}"
            if table == "oddities":
                new["message"] = f"t.message + d.number * {spans['messages']}"
            _copy_rows(connection, table, new, where, days)
        for table, at in KEYED.items():
            where = f"{at} >= '{days[0]}' and {at} < '{days[0]}~'"
            _copy_rows(connection, table, {at: f"d.date || substr(t.{at}, 11)"}, where, days)
        _extend_state(connection, days)
        connection.execute("pragma journal_mode = wal")


def _copy_rows(connection, table, new, where, days):
    """Insert the rows anew for each of `days` after the first, without triggers; indexes come afterwards.

    What triggers keep is copied, too.
    """
    dropped = connection.execute(
        "select type, name, sql from sqlite_master where type in ('index', 'trigger') and sql is not null "
        "and tbl_name = ?",
        (table,),
    ).fetchall()
    columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
    for kind, name, _ in dropped:
        connection.execute(f"drop {kind} {name}")
    for number, day in enumerate(days[1:], 1):
        values = ", ".join(new.get(name, f't."{name}"') for name in columns)
        connection.execute(
            f"insert into {table} select {values} "
            f"from (select ? as date, ? as number) d cross join {table} t where {where}",
            (day, number),
        )
    for _, _, sql in dropped:
        connection.execute(sql)


def _extend_state(connection, days):
    """Bring what is to the end of the last copy."""
    connection.execute(
        f"""update channels set readings = readings + {len(days) - 1} * (select coalesce(sum(h.count), 0)
        from readings_hourly h where h.channel = channels.id and h.hour_at >= ? and h.hour_at < ?)""",
        (days[0], days[1]),
    )
    connection.execute("update polls set count = count * ? where ended_at >= ?", (len(days), days[0]))
    for table, columns in LAST.items():
        for column in columns:
            connection.execute(
                f"update {table} set {column} = ? || substr({column}, 11) where {column} >= ?",
                (days[-1], days[0]),
            )


def _polls(start, count, until):
    """The polls of one day, in order of time, with an outage."""
    rnd = random.Random(1)
    for at, step in _times(start, count):
        if at >= until:
            return
        out_s = at - start - OUTAGE_AT
        out = 0 <= out_s < OUTAGE_S
        for ups in UPSES:
            yield Poll(
                ups,
                at,
                at,
                step,
                status="OB DISCHRG" if out else "OL",
                variables={
                    "ups.status": "OB DISCHRG" if out else "OL",
                    "input.voltage": "0.0" if out else f"{rnd.gauss(230, 2):.1f}",
                    "battery.charge": str(100 - int(out_s / 60)) if out else "100",
                    "battery.voltage": "27.1",
                    "ups.load": str(rnd.randrange(30, 40)),
                    "ups.realpower.nominal": "900",
                    "ups.temperature": "31.5",
                },
            )


def _times(start, count):
    """When samples are taken in one day, and the seconds between them: more of them about the outage."""
    step = DAY / max(1, count)
    even = [(start + (number + 0.5) * step, step) for number in range(count)]
    if step <= OUTAGE_STEP_S:
        return even
    began = start + OUTAGE_AT - AROUND_S
    dense = [
        (began + number * OUTAGE_STEP_S, OUTAGE_STEP_S)
        for number in range(int((OUTAGE_S + 2 * AROUND_S) / OUTAGE_STEP_S))
    ]
    return sorted(dense + [one for one in even if not began <= one[0] < began + OUTAGE_S + 2 * AROUND_S])


def _commit(connection, store):
    with transaction(connection):
        store.write(connection)
    store.committed()
