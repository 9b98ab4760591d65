"""Readers of sources, the view `readers`: what kinds there are and which ones are configured."""

import time
from pathlib import Path

from ingest.db.time import format_utc
from ingest.pipeline.heartbeat import Heartbeat, find_alive, problem_text, read_heartbeats
from ingest.schema import ups
from ingest.severity import Severity
from plugins.web.query import Row

KINDS = {"mysensors": "MySensors gateway", **ups.KINDS}
CONFIGURED = f"""(kind = 'mysensors' and source in (select name from gateways where configured)
  or kind <> 'mysensors' and {ups.CONFIGURED})"""
CONFIGURED_READERS = f"select * from readers where {CONFIGURED} order by kind, source"


def database_problems(database: Path) -> list[Row]:
    """What keeps ingest from writing, as rows of `attention`, from its heartbeat beside the database."""
    return [
        {
            "severity": str(Severity.CRITICAL),
            "subject": "Database",
            "text": problem_text(one).replace(str(database), database.name),  # no paths on pages
            "since": format_utc(time.time() - one.problem_s - one.age_s),
            "href": "/-/maintenance",
        }
        for one in read_heartbeats(database)
        if one.is_alive and one.problem
    ]


def correct_readers(readers: list[Row] | None, database: Path) -> list[Row] | None:
    """Readers that live but cannot write their heartbeat into the database are not called stale."""
    heartbeats = read_heartbeats(database)
    return readers and [_corrected(reader, heartbeats, database) for reader in readers]


def _corrected(reader: Row, heartbeats: list[Heartbeat], database: Path) -> Row:
    alive = find_alive(heartbeats, reader["source"]) if reader["verdict"] == "Stale" else None
    if alive is None:
        return reader
    return reader | {
        "verdict": str(Severity.WARNING),
        "words": alive.problem.replace(str(database), database.name)
        or "it is read; its newest data are not in the database yet",
        "heartbeat_at": format_utc(time.time() - alive.age_s),
        "heartbeat_age_s": round(alive.age_s),
    }


def correct_attention(rows: list[Row] | None, database: Path) -> list[Row] | None:
    """Rows of `attention` without readers that live; what keeps them from writing comes first."""
    if rows is None:
        return None
    heartbeats = read_heartbeats(database)
    kept = [
        row
        for row in rows
        if not (row["severity"] == "Stale" and find_alive(heartbeats, row["href"].rpartition("/")[2]))
        or not row["href"].startswith("/telemetry/ingest_status/")
    ]
    return database_problems(database) + kept
