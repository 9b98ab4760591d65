"""What runs on a database: which sources are being read, since when, how fresh; and `voltkeeper status`."""

import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.db.durations import format_duration
from ingest.db.locks import is_byte_locked
from ingest.db.problems import find_problem
from ingest.pipeline.heartbeat import Heartbeat, find_alive, problem_text, read_heartbeats
from ingest.pipeline.source_health import LATE_S
from ingest.ups.source_lock import lock_offset
from outbound.heartbeat import read_outcome
from plugins.web.app.address_file import running_address
from voltkeeper.alert_state import alert_lines
from voltkeeper.growth import growth_lines
from voltkeeper.jobs import job_lines
from voltkeeper.paint import Paint
from voltkeeper.plans import plan_lines
from voltkeeper.publish_state import publish_lines
from voltkeeper.up import answers, site_url


@dataclass(frozen=True)
class SourceStatus:
    """A row of `ingest_status`. `alive`: a reader of it runs now. `faulty`: `detail` is about a fault.

    Ages are seconds, None where nothing happened. `problem` keeps its rows from being written.
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
    problem: str = ""

    @property
    def late(self) -> bool:
        """True when its reader lives but has given no heartbeat for too long."""
        return self.heartbeat_s > LATE_S and not self.problem


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
    heartbeats = read_heartbeats(database)
    for name, kind, address, state, detail, since_at, heartbeat_at, data_at, gateway, faulty in rows:
        heartbeat_s = _age_s(heartbeat_at)
        beside = find_alive(heartbeats, name)
        if beside is not None:  # the one that needs no database
            heartbeat_s = min(heartbeat_s, beside.age_s)
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
            beside.problem if beside is not None else "",
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


def read_dropped(database: Path) -> list[tuple[str, str]]:
    """Return the gateways of which something was not kept in the last day, with the text about it.

    Raises sqlite3.Error.
    """
    if not database.exists():
        return []
    with closing(connect(database, readonly=True)) as connection:
        if not connection.execute("select 1 from sqlite_master where name = 'dropped_today'").fetchone():
            return []
        return connection.execute("select source, text from dropped_today order by source, what").fetchall()


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
    newest = "; newer data wait to be written" if source.problem else ""
    return f"{state}, for {format_duration(source.since_s)}; {data}{newest}{late}"


def run_status(config: Config, port_named: bool = False) -> int:
    """Print what runs. Returns 0 when ingest runs (with no source configured: when the site does), else 1.

    `port_named`: the port of the site is that of the command line, whatever runs.
    """
    heartbeats = [one for one in read_heartbeats(config.database) if one.is_alive]
    try:
        sources, attention = read_sources(config.database), read_attention(config.database)
        jobs = [
            *growth_lines(config),
            *job_lines(config),
            *alert_lines(config),
            *publish_lines(config),
            *plan_lines(config),
        ]
    except sqlite3.Error as error:
        print(*_unreadable_lines(config.database, error, heartbeats), sep="\n")
        return 1
    ran_last = dict.fromkeys(sources, "gateway") if config.path is None else {}
    kinds = _kinds(config) or ran_last
    alive = any(name in sources and sources[name].alive for name in kinds)
    url = site_url(*_site_address(config, port_named))
    site_answers = answers(url)
    _print_lines(
        _source_lines(kinds, sources, alive),
        alive if kinds else None,
        _problem_lines(heartbeats, sources) + attention + _heartbeat_lines(config),
        f"site     {'answers' if site_answers else 'does not answer'} at {url}",
        site_answers,
    )
    print(*jobs, sep="\n", end="\n" if jobs else "")
    print(f"database {config.database}{'' if config.database.exists() else ' (not made yet)'}")
    return 0 if alive or (not kinds and site_answers) else 1


def _site_address(config: Config, port_named: bool) -> tuple[str, int]:
    running = None if port_named else running_address(config.database)
    return running or (config.web.host, config.web.port)


def _print_lines(
    sources: list[str], ingest_runs: bool | None, problems: list[str], site: str, site_answers: bool
) -> None:
    """Print the lines, in colour on a terminal."""
    paint, colours = Paint(sys.stdout), {True: "green", False: "red", None: None}
    print(paint.word(sources[0], colours[ingest_runs]), *sources[1:], sep="\n")
    for line in problems:
        print(paint.line(line))
    print(paint.word(site, colours[site_answers]))


def _problem_lines(heartbeats: list[Heartbeat], sources: dict[str, SourceStatus] | None = None) -> list[str]:
    """What keeps ingest from writing; with `sources`, of a process that reads one of them now."""
    living = None if sources is None else {name for name, source in sources.items() if source.alive}
    return [
        f"Critical Database: {problem_text(one)}"
        for one in heartbeats
        if one.problem and (living is None or living & {*one.sources})
    ]


def _heartbeat_lines(config: Config) -> list[str]:
    """How the last heartbeat to a watchdog elsewhere went, where there is one."""
    if config.alerts is None or config.alerts.heartbeat is None:
        return []
    outcome = read_outcome(config.database)
    if outcome is None:
        return ["Warning  Heartbeat: not sent yet: `voltkeeper outbound` does it, which `up` starts"]
    return [f"{'OK' if outcome.is_right else 'Warning':8} Heartbeat: {outcome.describe()}"]


def _unreadable_lines(database: Path, error: sqlite3.Error, heartbeats: list[Heartbeat]) -> list[str]:
    """What is known without the database."""
    running = [
        f"ingest   runs (process {one.pid}) and reads {', '.join(one.sources) or 'no source'}"
        for one in heartbeats
    ]
    return [
        *running,
        *_problem_lines(heartbeats),
        f"database cannot be read: {find_problem(database, error)}",
    ]


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
