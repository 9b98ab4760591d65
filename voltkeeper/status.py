"""What runs on a database: which sources are being read, since when, how fresh; and `voltkeeper status`."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.db.connection import connect
from ingest.db.durations import format_duration
from ingest.db.locks import is_byte_locked
from ingest.pipeline.source_health import LATE_S
from ingest.ups.source_lock import lock_offset


@dataclass(frozen=True)
class Source:
    """A row of `ingest_status`. `alive`: a reader of it runs now. `faulty`: `detail` tells of something that is wrong.

    Ages are seconds, None where nothing happened.
    """

    name: str
    address: str
    alive: bool
    state: str
    detail: str
    since_s: float
    heartbeat_s: float
    data_s: float | None
    faulty: bool = False

    @property
    def late(self):
        """True when its reader lives but has not said so for too long."""
        return self.heartbeat_s > LATE_S


def read_sources(database):
    """The sources that this file knows, by name; empty for a file that is not made yet. Raises sqlite3.Error."""
    if not database.exists():
        return {}
    with closing(connect(database, readonly=True)) as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'ingest_status'").fetchone():
            return {}
        rows = connection.execute(
            """select s.source, s.address, s.state, s.detail, s.since_at, s.heartbeat_at, s.last_data_at, g.id,
              s.kind, s.detail <> '' and s.detail = s.last_error
            from ingest_status s left join gateways g on g.name = s.source order by s.source"""
        ).fetchall()
    return {row[0]: _source(database, *row) for row in rows}


def _source(database, name, address, state, detail, since_at, heartbeat_at, data_at, number, kind, faulty):
    if kind != "mysensors":
        number = lock_offset(name)
    alive = is_read(database, number) if number is not None else _age_s(heartbeat_at) <= LATE_S
    ages = (_age_s(since_at), _age_s(heartbeat_at), data_at and _age_s(data_at))
    return Source(name, address, alive, state, detail, *ages, bool(faulty))


def is_read(database, number):
    """True while an ingest holds place `number`, of the one reader of a source: a lock that dies with it."""
    return is_byte_locked(f"{database}.lock", number)


def _age_s(at):
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())


def describe(source):
    """The state of a source in words."""
    if not source.alive:
        words = "nobody reads it" if source.state == "stopped" else "its reader ended without saying so"
        return f"{words}; last heard of {format_duration(source.heartbeat_s)} ago"
    words = source.state if source.detail in ("", source.state) else f"{source.state}: {source.detail}"
    data = "no data yet" if source.data_s is None else f"last data {format_duration(source.data_s)} ago"
    late = (
        f"; ingest hangs: its last word is {format_duration(source.heartbeat_s)} old" if source.late else ""
    )
    return f"{words}, for {format_duration(source.since_s)}; {data}{late}"


def run_status(config):
    """Print what runs. Returns 0 when ingest runs (with no source configured: when the site does), else 1."""
    from voltkeeper.up import answers, site_url

    try:
        sources = read_sources(config.database)
    except sqlite3.Error as error:
        print(f"{config.database} cannot be read: {error}; `voltkeeper check` tells more")
        return 1
    kinds = {one.name: "gateway" for one in config.gateways}
    kinds |= {one.name: "NUT" for one in config.nut} | {one.name: "EP20" for one in config.must}
    names = [*kinds] or ([*sources] if config.path is None else [])
    alive = [name for name in names if name in sources and sources[name].alive]
    url = site_url(config.web.host, config.web.port)
    site = answers(url)
    if not names:
        print("ingest   has no source in the config")
    else:
        print(f"ingest   {'runs' if alive else 'does not run: `voltkeeper up` starts it'}")
    for name in names:
        source = sources.get(name)
        print(
            f"{kinds.get(name, 'gateway'):8} {name}"
            + (f" ({source.address}): {describe(source)}" if source else ": never read yet")
        )
    print(f"site     {f'answers at {url}' if site else f'does not answer at {url}'}")
    print(f"database {config.database}{'' if config.database.exists() else ' (not made yet)'}")
    return 0 if alive or (not names and site) else 1
