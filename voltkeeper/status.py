"""What runs on a database: which sources are being read, since when, how fresh; and `voltkeeper status`."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.db.durations import format_duration
from ingest.db.locks import is_byte_locked
from ingest.pipeline.source_health import LATE_S
from ingest.ups.source_lock import lock_offset
from voltkeeper.up import answers, site_url


@dataclass(frozen=True)
class SourceStatus:
    """A row of `ingest_status`. `alive`: a reader of it runs now. `faulty`: `detail` is about a fault.

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
    def late(self) -> bool:
        """True when its reader lives but has given no heartbeat for too long."""
        return self.heartbeat_s > LATE_S


def read_sources(database: Path) -> dict[str, SourceStatus]:
    """Return the sources in this file by name; none for a file that is not made yet. Raises sqlite3.Error."""
    if not database.exists():
        return {}
    with closing(connect(database, readonly=True)) as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'ingest_status'").fetchone():
            return {}
        rows = connection.execute(
            """select s.source, s.kind, s.address, s.state, s.detail, s.since_at, s.heartbeat_at,
              s.last_data_at, g.id, s.detail <> '' and s.detail = s.last_error
            from ingest_status s left join gateways g on g.name = s.source order by s.source"""
        ).fetchall()
    found = {}
    for name, kind, address, state, detail, since_at, heartbeat_at, data_at, gateway, faulty in rows:
        heartbeat_s = _age_s(heartbeat_at)
        offset = gateway if kind == "mysensors" else lock_offset(name)
        found[name] = SourceStatus(
            name,
            address,
            heartbeat_s <= LATE_S if offset is None else is_read(database, offset),
            state,
            detail,
            _age_s(since_at),
            heartbeat_s,
            _age_s(data_at) if data_at else None,
            bool(faulty),
        )
    return found


def read_attention(database: Path) -> list[str]:
    """Lines about the UPSes, nodes and orders that need attention; the sources have lines of their own."""
    if not database.exists():
        return []
    with closing(connect(database, readonly=True)) as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'attention'").fetchone():
            return []
        rows = connection.execute(
            "select severity, subject, text from attention where href not like '/telemetry/ingest_status/%'"
        ).fetchall()
    return [f"{severity:8} {subject}: {text}" for severity, subject, text in rows]


def read_ids(database: Path) -> list[tuple[str, str, str]]:
    """Each gateway, severity and text about the ids that are left for new nodes. Raises sqlite3.Error."""
    if not database.exists():
        return []
    with closing(connect(database, readonly=True)) as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'gateway_ids'").fetchone():
            return []
        return connection.execute("select name, severity, text from gateway_ids order by gateway").fetchall()


def is_read(database: Path, offset: int) -> bool:
    """True while an ingest holds the byte of the one reader of a source: a lock that dies with it."""
    return is_byte_locked(f"{database}.lock", offset)


def _age_s(at: str) -> float:
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())


def describe_source(source: SourceStatus) -> str:
    """Return the state of a source as text."""
    heartbeat = format_duration(source.heartbeat_s)
    if not source.alive:
        reason = "nothing reads it" if source.state == "stopped" else "its reader ended unexpectedly"
        return f"{reason}; last heartbeat {heartbeat} ago"
    state = source.state if source.detail in ("", source.state) else f"{source.state}: {source.detail}"
    data = "no data yet" if source.data_s is None else f"last data {format_duration(source.data_s)} ago"
    late = f"; ingest hangs: its last heartbeat is {heartbeat} old" if source.late else ""
    return f"{state}, for {format_duration(source.since_s)}; {data}{late}"


def run_status(config: Config) -> int:
    """Print what runs. Returns 0 when ingest runs (with no source configured: when the site does), else 1."""
    try:
        sources, attention = read_sources(config.database), read_attention(config.database)
    except sqlite3.Error as error:
        print(f"{config.database} cannot be read: {error}; `voltkeeper check` shows more")
        return 1
    ran_last = dict.fromkeys(sources, "gateway") if config.path is None else {}
    kinds = _kinds(config) or ran_last
    alive = any(name in sources and sources[name].alive for name in kinds)
    url = site_url(config.web.host, config.web.port)
    site_answers = answers(url)
    print(*_source_lines(kinds, sources, alive), sep="\n")
    for line in attention:
        print(line)
    print(f"site     {'answers' if site_answers else 'does not answer'} at {url}")
    print(f"database {config.database}{'' if config.database.exists() else ' (not made yet)'}")
    return 0 if alive or (not kinds and site_answers) else 1


def _kinds(config: Config) -> dict[str, str]:
    """What each source of the config is, by name."""
    return {
        **{gateway.name: "gateway" for gateway in config.gateways},
        **{server.name: "NUT" for server in config.nut},
        **{device.name: "EP20" for device in config.must},
    }


def _source_lines(kinds: dict[str, str], sources: dict[str, SourceStatus], alive: bool) -> list[str]:
    if not kinds:
        return ["ingest   has no source in the config"]
    lines = [f"ingest   {'runs' if alive else 'does not run: `voltkeeper up` starts it'}"]
    for name, kind in kinds.items():
        source = sources.get(name)
        detail = f" ({source.address}): {describe_source(source)}" if source else ": not read yet"
        lines.append(f"{kind:8} {name}{detail}")
    return lines
