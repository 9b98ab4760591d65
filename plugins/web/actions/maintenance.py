"""What the buttons of /-/maintenance do: run, pause and resume jobs, download a copy of the database."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import BinaryIO

from datasette import Request, Response
from starlette.types import Send

from ingest.clock.belief import clock_is_believed, confirm_clock
from ingest.config.checks import nearest_choice
from ingest.db.time import format_utc
from ingest.jobs.due import Job
from ingest.jobs.register import (
    differences,
    pause_job,
    read_jobs,
    request_job,
    resume_job,
    save_differences,
)
from ingest.maintenance.backup import BackupError, copy, glob_quoted
from ingest.maintenance.job_list import all_jobs, find_job
from ingest.maintenance.jobs import JOBS, SITE
from ingest.orders.audit import audit
from ingest.orders.outcome import Done, RefusedError
from plugins.web.actions.action import Action, Submission
from plugins.web.actions.planned import post_and_wake
from plugins.web.auth.permissions import require
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.responses import json_errors
from plugins.web.site import Site
from plugins.web.transaction import transact

CHUNK = 1 << 18  # bytes of a download that are read at once

log = logging.getLogger(__name__)


class JobAction:
    """POST /-/maintenance/JOB and what follows it in the path: `apply` does it to the job.

    `apply(connection, job, form)` runs in the transaction of the action.
    """

    def __init__(
        self, name: str, apply: Callable[[sqlite3.Connection, Job, Submission[None]], str], status: int
    ) -> None:
        self._name, self._apply, self._status = name, apply, status

    async def post(self, datasette: Site, request: Request) -> Response:
        """Do it, and let the site look for due jobs at once. 404 for a job that the config has not."""
        name = request.url_vars["job"]
        job = find_job(datasette.config, name)
        if job is None:
            known = [one.name for one in all_jobs(datasette.config)]
            return json_errors(404, f"There is no job called {name}: {nearest_choice(name, known)}")

        def write(connection: sqlite3.Connection, form: Submission[None]) -> Done:
            now, is_believed = time.time(), clock_is_believed(connection)
            save_differences(connection, differences([job], read_jobs(connection), now, is_believed))
            message = self._apply(connection, job, form)
            save_differences(connection, differences([job], read_jobs(connection), now, is_believed))
            return Done(f"{job.title}: {message}", name, {"chore": name})

        action = Action(
            f"{self._name} {name}",
            "maintain",
            write,
            status=self._status,
            after="/-/maintenance",
            topics=("chores",),
        )
        return await post_and_wake(action, datasette, request)


def _request(connection: sqlite3.Connection, job: Job, form: Submission[None]) -> str:
    if job.name == "backup" and form.site.config.backup.folder is None:
        raise RefusedError(
            409,
            "backup.folder is not set in config.yml; /-/maintenance/backup.db gives a copy at once",
            subject=job.name,
        )
    request_job(connection, job.name, form.actor)
    return "requested" if job.runner == SITE else f"requested of {job.runner}"


def _pause(connection: sqlite3.Connection, job: Job, form: Submission[None]) -> str:
    if job.recurrence is None:
        raise RefusedError(
            409, f"{job.name} runs on request alone: there is nothing to pause", subject=job.name
        )
    if not pause_job(connection, job.name, form.actor):
        raise RefusedError(409, f"{job.name} is paused already", subject=job.name)
    return "paused"


def _resume(connection: sqlite3.Connection, job: Job, form: Submission[None]) -> str:
    if not resume_job(connection, job.name):
        raise RefusedError(409, f"{job.name} is not paused", subject=job.name)
    return "resumed"


RUN = JobAction("run", _request, 202)
PAUSE = JobAction("pause", _pause, 200)
RESUME = JobAction("resume", _resume, 200)


def _confirm(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    confirm_clock(connection, form.actor)
    at = format_utc(time.time())
    return Done(f"The clock is confirmed: it is {at}", "clock", {"confirmed_at": at})


CONFIRM_CLOCK = Action(
    "confirm the clock", "maintain", _confirm, after="/-/maintenance", topics=("clock_state",)
)


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
        r"^/-/maintenance/clock-is-right$",
        CONFIRM_CLOCK.post,
        Endpoint(
            "Confirm a clock that is suspect",
            "The time that the machine shows is right: what waits for it goes on.",
            "POST",
            "maintain",
        ),
    ),
    documented_route(
        r"^/-/maintenance/(?P<job>[a-z0-9_-]+)$",
        RUN.post,
        Endpoint(
            "Run a job now",
            f"JOB is {', '.join(JOBS)}, or the name of one under reports: or schedule: in config.yml.",
            "POST",
            "maintain",
            at={"JOB": "measure"},
        ),
    ),
    documented_route(
        r"^/-/maintenance/(?P<job>[a-z0-9_-]+)/pause$",
        PAUSE.post,
        Endpoint(
            "Pause a job",
            "It runs on request alone until it is resumed; what it misses meanwhile is not made up.",
            "POST",
            "maintain",
            at={"JOB": "prune"},
        ),
    ),
    documented_route(
        r"^/-/maintenance/(?P<job>[a-z0-9_-]+)/resume$",
        RESUME.post,
        Endpoint("Resume a paused job", "", "POST", "maintain", at={"JOB": "prune"}),
    ),
)
