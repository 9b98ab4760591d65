"""What the buttons of /-/maintenance do: have a job run now, download a copy of the database."""

import asyncio
import logging
import sqlite3
import time
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import BinaryIO

from datasette import Request, Response
from starlette.types import Send

from ingest.db.time import format_utc
from ingest.maintenance.backup import BackupError, copy, glob_quoted
from ingest.maintenance.jobs import JOBS, request_job
from plugins.web.actions.action import Action, Done, Submission
from plugins.web.auth.permissions import require
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import RefusedError
from plugins.web.responses import json_errors
from plugins.web.site import Site
from plugins.web.transaction import audit, transact

CHUNK = 1 << 18  # bytes of a download that are read at once

log = logging.getLogger(__name__)


async def run_job(datasette: Site, request: Request) -> Response:
    """POST /-/maintenance/JOB: the job runs as soon as the one before it has ended."""
    name = request.url_vars["job"]
    if name not in JOBS:
        return json_errors(404, f"There is no job called {name}: {', '.join(JOBS)}")

    def write(connection: sqlite3.Connection, form: Submission[None]) -> Done:
        if name == "backup" and datasette.config.backup.folder is None:
            raise RefusedError(
                409,
                "backup.folder is not set in config.yml; /-/maintenance/backup.db gives a copy at once",
                subject=name,
            )
        request_job(connection, name, form.actor)
        return Done(f"{JOBS[name].title}: requested", name, {"chore": name})

    action = Action(f"run {name}", "maintain", write, status=202, after="/-/maintenance")
    response = await action.post(datasette, request)
    datasette.scheduler.wake()
    return response


class FileResponse:
    """A response that streams a file which is gone from its folder already."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self._file, self._size, self._name = file, size, name

    async def asgi_send(self, send: Send) -> None:
        """Send headers and content."""
        headers = {
            "content-type": "application/vnd.sqlite3",
            "content-length": str(self._size),
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{self._name}"',
        }
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        with self._file:
            await send({"type": "http.response.start", "status": 200, "headers": pairs})
            while block := await asyncio.to_thread(self._file.read, CHUNK):
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def download(datasette: Site, request: Request) -> FileResponse:
    """GET /-/maintenance/backup.db for users with the right `maintain`: a consistent copy of now."""
    require(datasette, request.actor, "maintain")
    path, actor = datasette.config.database, request.actor["id"]
    name = f"{path.stem}-{format_utc(time.time())[:19].replace(':', '')}.db"
    try:
        file, size = await asyncio.to_thread(_copy_aside, path)
    except (BackupError, OSError, sqlite3.Error) as error:
        log.error("backup for %s failed: %s", actor, error)
        raise RefusedError(503, f"The backup failed: {error}") from None
    await transact(
        datasette, lambda connection: audit(connection, actor, "download backup", name, "", "done")
    )
    return FileResponse(file, size, name)


def _copy_aside(database: Path) -> tuple[BinaryIO, int]:
    """A copy as an open file without a name, beside the database: /tmp may lack the room."""
    with TemporaryDirectory(prefix=_aside(database), dir=database.parent) as folder:
        target = Path(folder) / "copy.db"
        copy(database, target)
        return target.open("rb"), target.stat().st_size


def _aside(database: Path) -> str:
    return f".{database.name}-copy-"


def remove_leftovers(database: Path) -> None:
    """Remove what downloads left beside the database when their site was killed."""
    for left in database.parent.glob(f"{glob_quoted(_aside(database))}*"):
        rmtree(left, ignore_errors=True)


ROUTES = (
    documented_route(
        r"^/-/maintenance/backup\.db$",
        download,
        Endpoint("A consistent copy of the database", right="maintain", answer="file"),
    ),
    documented_route(
        r"^/-/maintenance/(?P<job>[a-z]+)$",
        run_job,
        Endpoint(
            "Run a maintenance job now",
            f"JOB is {', '.join(JOBS)}.",
            "POST",
            "maintain",
            at={"JOB": "measure"},
        ),
    ),
)
