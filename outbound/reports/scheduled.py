"""Reports at their times: the jobs of `chores` whose runner is outbound.

A report is queued in the transaction that ends its job, so that a process that is killed in between neither
drops it nor queues it twice.
"""

import asyncio
import logging
import sqlite3
from functools import partial

from ingest.clock.belief import read_belief
from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.config.jobs import OUTBOUND, report_job
from ingest.config.model import Config
from ingest.db.connection import transaction
from ingest.jobs.due import Job
from ingest.jobs.register import begin_job, end_job
from ingest.jobs.runner import RunnerJobs
from outbound.database import DatabaseUnavailableError, OutboundDatabase
from outbound.reports.deliver import queue_report
from outbound.reports.model import MadeReport, ReportError, find_report
from outbound.reports.run import NO_ROWS, describe_queued, make_in_child
from outbound.senders.threads import start_thread

LOOK_S = 5.0  # between two looks for reports that are due

log = logging.getLogger(__name__)


class ReportScheduler:
    """Makes and queues the reports of the config when they are due, one after the other."""

    def __init__(self, config: Config, database: OutboundDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._config, self._database, self._clock = config, database, clock
        self._jobs = RunnerJobs(OUTBOUND, [report_job(one, config.timezone) for one in config.reports])

    async def run(self) -> None:
        """Look for due reports until it is cancelled."""
        while True:
            try:
                await self.run_due()
            except DatabaseUnavailableError as error:
                log.debug("Reports wait: %s", error)  # what is wrong is told by those who watch the database
            await asyncio.sleep(LOOK_S)

    async def run_due(self) -> list[str]:
        """Make what is due. Returns the names of the reports. Raises DatabaseUnavailableError."""
        due = await self._database.run(self._look)
        for job, by in due:
            await self._database.run(partial(self._begin, job, by))
            outcome, detail, made = "done", "", None
            try:
                made = await start_thread(
                    partial(make_in_child, self._config, job.name), f"report {job.name}"
                )
                detail = describe_queued(self._config, made) if made.file else f"{made.title}: {NO_ROWS}"
            except ReportError as error:
                outcome, detail = "failed", str(error)
            await self._database.run(partial(self._end, job, outcome, detail, made))
            log.log(logging.INFO if made is not None else logging.ERROR, "%s: %s", job.name, detail)
        return [job.name for job, _ in due]

    def _look(self, connection: sqlite3.Connection) -> list[tuple[Job, str]]:
        """Keep the rows of the register, and return what is due."""
        if self._jobs.look(connection, self._clock.read(), self._is_believed(connection)):
            with transaction(connection):
                self._jobs.save(connection)
            self._jobs.saved()
        return self._jobs.due()

    def _begin(self, job: Job, by: str, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            begin_job(connection, job, by, self._clock.read().wall, self._is_believed(connection))

    def _end(
        self, job: Job, outcome: str, detail: str, made: MadeReport | None, connection: sqlite3.Connection
    ) -> None:
        with transaction(connection):
            if made is not None and made.file:
                queue_report(connection, find_report(self._config, job.name), made)
            is_believed = self._is_believed(connection)
            end_job(connection, job, outcome, detail, self._clock.read().wall, is_believed)

    def _is_believed(self, connection: sqlite3.Connection) -> bool:
        return read_belief(connection, self._clock).is_believed
