"""The jobs of one runner, kept in step with the register: new and removed jobs, next runs, what is due."""

import sqlite3
from collections.abc import Collection, Sequence

from ingest.clock.belief import STEP_S
from ingest.clock.reading import ClockReading
from ingest.db.connection import Row
from ingest.jobs.due import NOT_RECORDED, Job, due_requester
from ingest.jobs.register import differences, forget_times, read_jobs, remove_jobs, save_differences


class RunnerJobs:
    """The jobs that the config has for one runner; `names` are all of them, where this process has a part.

    `look()` only reads; where it returns True, `save()` has something to write, inside a transaction. One
    object lives as long as its process: it knows the clock of the last look, so that a machine that gets its
    time after the start has missed nothing.
    """

    def __init__(self, runner: str, jobs: Sequence[Job], names: Collection[str] = ()) -> None:
        self.runner, self.jobs = runner, tuple(jobs)
        self.rows: dict[str, Row] = {}
        self._names = {*names, *(job.name for job in jobs)}
        self._seen: float | None = None  # the offset of the wall clock at the last look that was believed
        self._since = 0.0  # what is newer, by that clock, was written by this process
        self._now, self._is_believed, self._has_stepped = 0.0, False, False

    def look(self, connection: sqlite3.Connection, reading: ClockReading, is_believed: bool) -> bool:
        """Read the rows. Returns whether `save()` has something to write."""
        self._now, self._is_believed = reading.wall, is_believed
        if is_believed:
            if self._seen is None:
                self._since = reading.wall
            elif abs(reading.offset - self._seen) > STEP_S:
                self._has_stepped = True
            self._seen = reading.offset
        self.rows = read_jobs(connection, self.runner)
        return (
            self._has_stepped
            or bool(differences(self.jobs, self.rows, self._now, is_believed))
            or not self._names >= self.rows.keys()
        )

    def save(self, connection: sqlite3.Connection) -> None:
        """Write what differs, and read the rows again."""
        if self._has_stepped:
            forget_times(connection, self.runner, self._since)
        remove_jobs(connection, self.runner, self._names)
        rows = read_jobs(connection, self.runner)
        save_differences(connection, differences(self.jobs, rows, self._now, self._is_believed))
        self.rows = read_jobs(connection, self.runner)

    def saved(self) -> None:
        """What `save()` wrote is committed."""
        if self._has_stepped:
            self._has_stepped, self._since = False, self._now

    def due(self) -> list[tuple[Job, str]]:
        """Return each job that is due by the last look, with for whom."""
        found = (
            (job, due_requester(job, self.rows.get(job.name, NOT_RECORDED), self._now, self._is_believed))
            for job in self.jobs
        )
        return [(job, by) for job, by in found if by is not None]
