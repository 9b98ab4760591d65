"""The database as the outbound process has it open: one connection, never in the event loop.

Everything is done by `await database.run(work)`: the event loop, which sends, never waits for a lock or a
disk. A file that was replaced, or that gave an I/O error, is opened anew; one that is missing is never made.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from ingest.db.connection import connect
from ingest.db.file_identity import DatabaseFile, identity
from ingest.db.problems import Kind, Problem, find_problem
from ingest.errors import VoltkeeperError
from ingest.schema.migrate import migrate
from outbound.senders.threads import WorkThread

log = logging.getLogger(__name__)

BUSY_S = 0.5  # one attempt waits for a lock
LOOK_S = 1.0  # between two looks at whether the path still leads to the file that is open
STEADY_S = 5.0  # without a failure, and it is over: one that is locked can be read all the time
REMIND_S = 600.0  # between two lines of the log about the same problem
STUCK_S = 10.0  # of one attempt in all
RETRY_S = 1.0  # between two attempts to open a file
# After these the connection is as good as a new one.
KEPT_OPEN = (Kind.LOCKED, Kind.FULL, Kind.READ_ONLY, Kind.READ_ONLY_DISK)

Result = TypeVar("Result")


class DatabaseUnavailableError(VoltkeeperError):
    """The database cannot be read or written now; `problem` says why, with the remedy."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class OutboundDatabase:
    """The database at a path. `replaced` counts how often another file was opened in its place.

    `meanwhile` says in the log what happens while it cannot be used.
    """

    def __init__(
        self, path: Path, busy_s: float = BUSY_S, meanwhile: str = "Messages are sent from memory"
    ) -> None:
        self.path, self._meanwhile = path, meanwhile
        self.replaced = 0
        self.problem: Problem | None = None  # why the last attempt failed
        self._busy_s = busy_s
        self._turn = asyncio.Lock()
        self._thread = WorkThread("database")
        self._stuck: asyncio.Future[Any] | None = None  # an attempt that was given up
        self._connection: sqlite3.Connection | None = None
        self._file: DatabaseFile | None = None
        self._looked = self._opened = self._logged = self._failed_at = float("-inf")  # monotonic
        self._logged_kind: Kind | None = None

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Call `work(connection)` in a thread, one after the other. Raises DatabaseUnavailableError.

        A disk that does not answer is given up after STUCK_S, and tried again when it has answered.
        """
        async with self._turn:
            if self._stuck is not None and not self._stuck.done():
                raise DatabaseUnavailableError(self.problem or self._no_answer())
            future = self._thread.start(lambda: self._attempt(work))
            try:
                async with asyncio.timeout(STUCK_S):  # wait_for of Python 3.11 may lose a cancellation
                    return await asyncio.shield(future)
            except TimeoutError:
                self._stuck = future
                raise self._failed(self._no_answer(), keep=True) from None
            except asyncio.CancelledError:
                await asyncio.wait((future,), timeout=BUSY_S)
                raise

    async def close(self) -> None:
        """Close the connection, after what was begun."""
        async with self._turn:
            if self._stuck is None or self._stuck.done():
                await self._thread.start(self._close)

    def _no_answer(self) -> Problem:
        return Problem(Kind.IO, f"the disk of {self.path} does not answer")

    def _attempt(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            result = work(self._current())
        except (sqlite3.Error, OSError) as error:
            if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
                raise  # a mistake of the program: nothing that a retry helps
            raise self._failed(find_problem(self.path, error)) from error
        self.problem = None
        if self._logged_kind is not None and time.monotonic() - self._failed_at >= STEADY_S:
            log.warning("The database can be used again")
            self._logged_kind = None
        return result

    def _current(self) -> sqlite3.Connection:
        """The connection, of the file that is at the path now. Raises OSError, sqlite3.Error."""
        now = time.monotonic()
        if self._file is not None and now - self._looked >= LOOK_S:
            self._looked = now
            if (fault := self._file.fault()) is not None:
                raise self._gone(fault)
        if self._connection is None:
            if now - self._opened < RETRY_S and self.problem is not None:
                raise DatabaseUnavailableError(self.problem)
            self._opened = now
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        if identity(self.path) is None:
            raise self._failed(Problem(Kind.GONE, f"{self.path} is not there"))
        migrate(self.path)
        connection = connect(self.path, busy_timeout_s=self._busy_s, create=False)
        connection.execute("select count(*) from sqlite_master").fetchone()
        self._file, self._looked = DatabaseFile(self.path), time.monotonic()
        return connection

    def _gone(self, fault: str) -> DatabaseUnavailableError:
        self.replaced += 1
        self._close()
        self._file, self._opened = None, float("-inf")
        return self._failed(Problem(Kind.GONE, fault))

    def _failed(self, problem: Problem, keep: bool = False) -> DatabaseUnavailableError:
        now = time.monotonic()
        self.problem, self._failed_at, is_gone = problem, now, problem.kind is Kind.GONE
        if problem.kind not in KEPT_OPEN and not keep and self._connection is not None:
            self._close()
            self._opened = now
        if problem.kind is not self._logged_kind or now - self._logged >= REMIND_S:
            log.error("%s: %s", self._meanwhile, problem.text if is_gone else problem)
            self._logged, self._logged_kind = now, problem.kind
        return DatabaseUnavailableError(problem)

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
