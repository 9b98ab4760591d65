"""The page /-/maintenance: storage and growth, jobs, retention, readers."""

import asyncio
import platform
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from datasette import Request, Response

from ingest.config.jobs import OUTBOUND
from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.maintenance.growth import read_growth
from ingest.maintenance.job_list import list_jobs
from ingest.maintenance.retention import days_kept, forecast, plan
from ingest.maintenance.table_sizes import TableSize, overview
from outbound.sending_lock import is_sending
from plugins.web.auth.permissions import require
from plugins.web.query import Row, select_many
from plugins.web.readers import correct_readers
from plugins.web.responses import page, wants_page
from plugins.web.site import Site

LIMIT_S = 1.5  # for the figures; what is not found by then is left out
PACKAGES = ("voltkeeper", "datasette", "sqlite-utils", "uvicorn", "starlette", "nut2", "pyserial")
YEAR = 365
QUERIES = {
    "clock": "select * from clock_state",
    "runs": "select * from retention_runs order by id desc limit 10",
    "deletions": "select * from deletions order by id desc limit 10",
    "replacements": """select r.*, state = 'done' and (o.last_seen_at is null or o.last_seen_at <= r.done_at
        or r.old_child_id is not null) as is_revertible
      from node_replacements r join nodes o on o.id = r.old_node order by r.id desc limit 10""",
    "readers": "select * from readers",
    "rejects": """select source, count(*) as rows, max(received_at) as last_at, reason
      from (select * from rejects order by id desc limit 1000)
      where received_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day') group by source""",
}


async def maintenance(datasette: Site, request: Request) -> Response:
    """GET /-/maintenance, as JSON for programs."""
    require(datasette, request.actor, "read")
    asks_json = request.args.get("_json") or "application/json" in request.headers.get("accept", "")
    as_json = asks_json and not wants_page(request)
    context: dict[str, Any] = await asyncio.to_thread(read_figures, datasette.config)  # Any: as JSON has it
    context |= await select_many(datasette, QUERIES)
    context["readers"] = correct_readers(context["readers"], datasette.config.database)
    _name_missing_runner(context["chores"], await asyncio.to_thread(is_sending, datasette.config.database))
    if as_json:
        return Response.json({"ok": True, **context}, headers={"cache-control": "no-store"})
    return await page(datasette, request, "pages/-/maintenance.html", context)


def _name_missing_runner(jobs: Sequence[Row], is_sending: bool) -> None:
    """Say of due jobs of outbound that it does not run."""
    for job in jobs:
        if job["runner"] == OUTBOUND and job["is_due"] and not is_sending:
            job["waits_for"] = "voltkeeper outbound, which is not running"


def read_figures(config: Config) -> dict[str, Any]:  # Any: JSON
    """Everything about the file, within LIMIT_S; to be called on a thread of its own. Any: as JSON has it."""
    deadline = time.monotonic() + LIMIT_S
    with closing(connect(config.database, readonly=True)) as connection:
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
        answers: dict[str, Any] = {  # Any: JSON
            "file": _file(config, connection),
            "chores": list_jobs(config, connection, time.time()),
            "versions": _versions(connection),
            "tables": None,
            "plan": None,
        }
        with suppress(sqlite3.OperationalError):
            answers["plan"] = _plan(config, connection)
            sizes = overview(connection)
            answers["tables"] = tables = _tables(config, connection, sizes)
            answers["forecast"] = sum(table["in_a_year"] for table in tables)
            growth = read_growth(connection, config.database.parent, config.retention, sizes)
            answers["disk"] = growth and growth._asdict()
    return answers


def _file(config: Config, connection: sqlite3.Connection) -> Row:
    size, pages, free = (
        connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    wal = 0
    with suppress(OSError):
        wal = Path(f"{config.database}-wal").stat().st_size
    measured = connection.execute("select max(measured_at) from storage").fetchone()[0]
    return {
        "path": str(config.database.name),
        "bytes": size * pages,
        "free": size * free,
        "wal": wal,
        "measured_at": measured,
    }


def _plan(config: Config, connection: sqlite3.Connection) -> list[Row]:
    return [
        {
            "table": item.table,
            "days": item.days,
            "of_some": bool(item.policy.only),
            "rows": item.rows,
            "about": not item.counted,
            "bytes": item.bytes,
            "from_at": item.from_at,
            "to_at": item.to_at,
        }
        for item in plan(connection, config.retention)
    ]


def _tables(config: Config, connection: sqlite3.Connection, sizes: Sequence[TableSize]) -> list[Row]:
    """Rows about tables. `days` that all rows are kept, `days_of_some` that only a part of them is."""
    planned = plan(connection, config.retention)
    days = days_kept(planned)
    days_of_some = {item.table: item.days for item in planned if item.policy.only}
    rows = []
    for table in sizes:
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
                "days_of_some": days_of_some.get(table.name),
                "in_a_year": forecast(
                    table.rows_a_day or 0, table.bytes_a_row, table.rows, days.get(table.name), YEAR
                ),
            }
        )
    return rows


def _versions(connection: sqlite3.Connection) -> dict[str, str]:
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
