"""The thread of ingest that brings what a version before has stored in line with the present rules, once."""

import logging
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from os import close
from pathlib import Path

from ingest.db.batches import BatchLimits, BatchRunner, StoppedError, open_for_deleting
from ingest.db.locks import LockedError, lock_byte
from ingest.db.time import LocalTime
from ingest.recompute import store
from ingest.recompute.ups_recompute import UpsRecompute
from ingest.ups.settings import NO_SETTINGS, UpsSettings

log = logging.getLogger(__name__)

LOCK_OFFSET = (1 << 20) - 1  # byte of the lock file: one process at a time recomputes
REST = 3.0  # the pause after a stretch, as a multiple of the time that it took
RETRY_S = 60.0
LIMITS = BatchLimits(most=500)
STOP_TIMEOUT_S = 5.0


class Recomputer(threading.Thread):
    """Recomputes every UPS that is not done, and ends. After `stop()` the next one goes on."""

    def __init__(
        self, database: Path, timezone: str, settings: Mapping[str, UpsSettings], rest: float = REST
    ) -> None:
        super().__init__(name="recompute", daemon=True)
        self._database, self._settings, self._rest = database, settings, rest
        self._clock = LocalTime(timezone)
        self._stop_event = threading.Event()
        self.longest_s = 0.0  # that the write lock was held

    def stop(self) -> None:
        """End; what is done so far stands."""
        self._stop_event.set()
        if self.is_alive():
            self.join(STOP_TIMEOUT_S)

    def run(self) -> None:
        """Work until all is done; the thread's own function."""
        while not self._stop_event.is_set():
            try:
                wait_s = self.recompute()
            except StoppedError:
                return
            except LockedError:
                return  # another process does it
            except (sqlite3.Error, OSError) as error:
                log.error("Recomputing stopped (%s), trying again", error)
                wait_s = RETRY_S
            if wait_s is None:
                return
            self._stop_event.wait(wait_s)

    def recompute(self) -> float | None:
        """Do what can be done now. None: all is done; else in how many seconds more can be done.

        Raises StoppedError, LockedError.
        """
        with closing(open_for_deleting(self._database)) as connection:
            left = store.pending(connection)
            if not left:
                return None
            descriptor = lock_byte(f"{self._database}.lock", LOCK_OFFSET, "Another ingest recomputes")
            try:
                return self._recompute_all(connection, left)
            finally:
                close(descriptor)

    def _recompute_all(self, connection: sqlite3.Connection, left: list[store.PendingUps]) -> float | None:
        runner = BatchRunner(connection, self._stop_event, LIMITS)
        waits = []
        for ups in left:
            own = self._settings.get(ups.name, NO_SETTINGS)
            wait_s = UpsRecompute(runner, ups, own, self._hour_at, self._rest).run()
            self.longest_s = max(self.longest_s, runner.longest_s)
            if wait_s is None:
                log.info("%s: what was stored is in line with the present rules", ups.name)
            else:
                waits.append(wait_s)
        return min(waits, default=None)

    def _hour_at(self, at: float) -> str:
        return self._clock.day_and_hour(at)[1]
