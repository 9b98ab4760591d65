"""/-/maintenance: room and growth, work and retention, readers, batteries and places; and the deeds behind its buttons."""

import asyncio
import logging
import platform
import sqlite3
import sys
import time
from contextlib import closing, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from datasette import Response

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.maintenance.jobs import JOBS, next_due, read_jobs
from ingest.maintenance.retention import forecast, plan
from ingest.maintenance.table_sizes import overview
from plugins.web.auth.permissions import has_right, refusal
from plugins.web.query import select
from plugins.web.responses import page, refuse, wants_page

LIMIT_S = 1.5  # that figures may take; what is not found by then is left out
PACKAGES = ("voltkeeper", "datasette", "sqlite-utils", "uvicorn", "starlette", "nut2", "pyserial")
YEAR = 365

log = logging.getLogger(__name__)


async def maintenance(datasette, request):
    """GET /-/maintenance, as JSON for programs."""
    if not has_right(datasette, request.actor, "read"):
        return await refuse(datasette, request, refusal(datasette, request.actor, "read"))
    config = datasette.config
    context = await asyncio.to_thread(read_figures, config)
    context |= {
        "runs": await select(datasette, "select * from retention_runs order by id desc limit 10"),
        "deletions": await select(datasette, "select * from deletions order by id desc limit 10"),
        "readers": await select(datasette, "select * from readers"),
        "rejects": await select(
            datasette,
            """select source, count(*) as rows, max(received_at) as last_at, reason
            from (select * from rejects order by id desc limit 1000)
            where received_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day') group by source""",
        ),
    }
    if not wants_page(request) and (
        request.args.get("_json") or "application/json" in request.headers.get("accept", "")
    ):
        return Response.json({"ok": True, **context}, headers={"cache-control": "no-store"})
    context |= {
        "nodes": await select(datasette, "select * from node_overview where role <> 'gateway' order by id"),
        "upses": await select(datasette, "select * from ups_overview order by id"),
    }
    return await page(datasette, request, "pages/-/maintenance.html", context)


def read_figures(config):
    """Everything about the file, in a thread of its own with a limit of time."""
    deadline = time.monotonic() + LIMIT_S
    with closing(connect(config.database, readonly=True)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        answers = {
            "file": _file(config, connection),
            "chores": _chores(config, connection),
            "versions": _versions(connection),
            "tables": None,
            "plan": None,
        }
        with suppress(sqlite3.OperationalError):
            answers["plan"] = _plan(config, connection)
            answers["tables"], answers["forecast"] = _tables(config, connection)
    return answers


def _file(config, connection):
    pragmas = {
        name: connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    }
    wal = Path(f"{config.database}-wal")
    with suppress(OSError):
        pragmas["wal"] = wal.stat().st_size
    measured = connection.execute("select max(measured_at) from storage").fetchone()[0]
    return {
        "path": str(config.database.name),
        "bytes": pragmas["page_size"] * pragmas["page_count"],
        "free": pragmas["page_size"] * pragmas["freelist_count"],
        "wal": pragmas.get("wal", 0),
        "measured_at": measured,
    }


def _plan(config, connection):
    return [
        {
            "table": item.table,
            "days": item.days,
            "rows": item.rows,
            "about": not item.counted,
            "bytes": item.bytes,
            "from_at": item.from_at,
            "to_at": item.to_at,
        }
        for item in plan(connection, config.retention)
    ]


def _tables(config, connection):
    days = {item.table: item.days for item in plan(connection, config.retention)}
    rows, total = [], 0
    for table in overview(connection):
        later = forecast(table.rows_a_day or 0, table.bytes_a_row, table.rows, days.get(table.name), YEAR)
        total += later
        rows.append(
            {
                "name": table.name,
                "rows": table.rows,
                "about": table.about,
                "bytes": table.bytes,
                "first_at": table.first_at,
                "last_at": table.last_at,
                "rows_a_day": table.rows_a_day,
                "bytes_a_day": table.bytes_a_day,
                "days": days.get(table.name),
                "in_a_year": later,
            }
        )
    return rows, total


def _chores(config, connection):
    rows, now, answers = read_jobs(connection), time.time(), []
    for chore in JOBS.values():
        row, at = rows.get(chore.name, {}), chore.at(config)
        answers.append(
            {
                "name": chore.name,
                "title": chore.title,
                "at": at,
                "wanted_at": row.get("wanted_at"),
                "next_at": format_utc(next_due(at, config.timezone, now)) if at else None,
                "outcome": row.get("outcome", ""),
                "started_at": row.get("started_at"),
                "started_by": row.get("started_by"),
                "ended_at": row.get("ended_at"),
                "detail": row.get("detail", ""),
                "ready": chore.name != "backup" or config.backup.folder is not None,
            }
        )
    return answers


def _versions(connection):
    found = {
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "machine": f"{platform.machine()} {sys.platform}",
    }
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    applied = connection.execute("select name from _sqlite_migrations order by id").fetchall()
    found["schema"] = ", ".join(row[0] for row in applied)
    return found
