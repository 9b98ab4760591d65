"""When maintenance runs: the site looks for due jobs twice a minute, and at once when a user asks for one."""

import asyncio
import logging
import sqlite3
import threading
from contextlib import suppress

from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.config.model import Config
from ingest.db.batches import StoppedError
from ingest.db.locks import LockedError
from ingest.db.problems import find_problem
from ingest.maintenance.jobs import run_due, site_jobs

CHECK_S = 30  # between two looks for jobs that are due

log = logging.getLogger(__name__)


class MaintenanceScheduler:
    """Runs `run_due` in a thread, for as long as the site runs."""

    def __init__(self, config: Config, clock: Clock = SYSTEM_CLOCK) -> None:
        self._config, self._clock = config, clock
        self._jobs = site_jobs(config)
        self._stop = threading.Event()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._problem = ""  # that was logged

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look for due jobs now: one was asked for."""
        self._wake.set()

    async def end(self) -> None:
        """Stop after the batch that is under way."""
        self._stop.set()
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(run_due, self._config, self._stop, self._clock, self._jobs)
            except StoppedError:
                log.info("stopped during a job; it resumes at the next start")
            except LockedError as error:
                log.debug("%s", error)
            except (OSError, sqlite3.Error) as error:
                self._report(str(find_problem(self._config.database, error)))
            except Exception:
                log.exception("A scheduled job failed; retrying")
            else:
                self._problem = ""
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), CHECK_S)
            self._wake.clear()

    def _report(self, problem: str) -> None:
        """Log why no job can run, once."""
        if problem != self._problem:
            log.error("Jobs wait: %s", problem)
        self._problem = problem
