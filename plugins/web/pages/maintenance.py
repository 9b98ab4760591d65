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
from shutil import rmtree
from tempfile import TemporaryDirectory

from datasette import Response

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.maintenance.backup import BackupError, copy, glob_quoted
from ingest.maintenance.jobs import CHORES, next_due, read_rows, want
from ingest.maintenance.retention import forecast, plan
from ingest.maintenance.table_sizes import overview
from plugins.web.actions.action import Done, audit, detail, perform, transact
from plugins.web.auth.permissions import has_right, refusal
from plugins.web.forms import RefusedError
from plugins.web.query import select
from plugins.web.responses import json_errors, page, refuse, wants_page

LIMIT_S = 1.5  # that figures may take; what is not found by then is left out
PACKAGES = ("voltkeeper", "datasette", "sqlite-utils", "uvicorn", "starlette", "nut2", "pyserial")
CHUNK = 1 << 18
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
    rows, now, answers = read_rows(connection), time.time(), []
    for chore in CHORES.values():
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


async def run_chore(datasette, request):
    """POST /-/maintenance/CHORE: it is done as soon as the work before it is."""
    name = request.url_vars["chore"]
    if name not in CHORES:
        known = ", ".join(CHORES)
        return json_errors(404, f"There is no work called {name}: {known}")

    def deed(connection, fields, actor):
        if name == "backup" and datasette.config.backup.folder is None:
            raise RefusedError(
                409,
                "backup.folder is not set in config.yml; /-/maintenance/backup.db gives a copy at once",
                subject=name,
            )
        want(connection, name, actor)
        return Done(f"{CHORES[name].title}: asked for", name, {"chore": name})

    answer = await perform(
        datasette, request, f"run {name}", "maintain", deed, status=202, after="/-/maintenance"
    )
    wake(datasette)
    return answer


def wake(datasette):
    """Have what was asked for done at once, where this process does it."""
    datasette.scheduler.wake()


class Download:
    """An ASGI answer that streams a file which is gone from its folder already."""

    def __init__(self, file, size, name):
        self._file, self._size, self._name = file, size, name

    async def asgi_send(self, send):
        headers = {
            "content-type": "application/vnd.sqlite3",
            "content-length": str(self._size),
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{self._name}"',
        }
        with self._file:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
                }
            )
            while block := await asyncio.to_thread(self._file.read, CHUNK):
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def download(datasette, request):
    """GET /-/maintenance/backup.db for who may `maintain`: a consistent copy of now."""
    refused = refusal(datasette, request.actor, "maintain")
    if refused:
        return await refuse(datasette, request, refused)
    path = datasette.config.database
    name = f"{path.stem}-{format_utc(time.time())[:19].replace(':', '')}.db"
    try:
        file, size = await asyncio.to_thread(_copy_aside, path)
    except (BackupError, OSError, sqlite3.Error) as error:
        log.error("no copy for %s: %s", request.actor["id"], error)
        return await refuse(datasette, request, RefusedError(503, f"There is no copy: {error}"))
    actor = request.actor["id"]
    await transact(datasette, lambda conn: audit(conn, actor, "download backup", name, detail({}), "done"))
    return Download(file, size, name)


def _copy_aside(database):
    """A copy as an open file without a name, beside the database: its disk has room for one like it, /tmp may not."""
    with TemporaryDirectory(prefix=_aside(database), dir=database.parent) as folder:
        target = Path(folder) / "copy.db"
        copy(database, target)
        return target.open("rb"), target.stat().st_size


def _aside(database):
    return f".{database.name}-copy-"


def clear_away(database):
    """Remove what downloads left beside the database when their site was killed."""
    for left in database.parent.glob(f"{glob_quoted(_aside(database))}*"):
        rmtree(left, ignore_errors=True)
