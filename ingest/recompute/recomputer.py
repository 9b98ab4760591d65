"""The thread of ingest that brings what is stored in line with the present rules.

Once for what a version before has stored; later for channels whose first readings are doubted, or imported.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from os import close
from pathlib import Path

from ingest.db.batches import BatchLimits, BatchRunner, StoppedError, open_for_deleting
from ingest.db.locks import LockedError, lock_byte
from ingest.db.time import LocalTime
from ingest.process.due_looks import DueLooks
from ingest.recompute import store
from ingest.recompute.battery_recompute import PendingLevels, pending_levels, recompute_levels
from ingest.recompute.channel_recompute import ChannelRecompute, pending_channels
from ingest.recompute.ups_recompute import UpsRecompute
from ingest.ups.settings import NO_SETTINGS, UpsSettings

log = logging.getLogger(__name__)

LOCK_OFFSET = (1 << 20) - 1  # byte of the lock file: one process at a time recomputes
REST = 3.0  # the pause after a stretch, as a multiple of the time that it took
RETRY_S = 60.0
IDLE_S = 10.0  # before a look at what other programs ask for
LIMITS = BatchLimits(most=500)
STOP_TIMEOUT_S = 5.0


class Recomputer(threading.Thread):
    """Recomputes every UPS and every channel that is not done. After `stop()` the next one goes on.

    `changes()` counts how often other programs have written into the file.
    """

    def __init__(
        self,
        database: Path,
        timezone: str,
        settings: Mapping[str, UpsSettings],
        rest: float = REST,
        changes: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(name="recompute", daemon=True)
        self._database, self._settings, self._rest = database, settings, rest
        self._clock = LocalTime(timezone)
        self._looks = DueLooks(changes)
        self._stop_event = threading.Event()
        self._upses_at = 0.0  # when something of UPSes can be done again, on the monotonic clock
        self.longest_s = 0.0  # that the write lock was held

    def stop(self) -> None:
        """End; what is done so far stands."""
        self._stop_event.set()
        if self.is_alive():
            self.join(STOP_TIMEOUT_S)

    def run(self) -> None:
        """Work until `stop()`; the thread's own function."""
        while not self._stop_event.is_set():
            if self._looks.is_due():
                try:
                    wait_s = self.recompute()
                except StoppedError:
                    return
                except LockedError:
                    wait_s = RETRY_S  # another process does it
                except (sqlite3.Error, OSError) as error:
                    log.error("Recomputing stopped (%s), trying again", error)
                    wait_s = RETRY_S
                if wait_s is not None:
                    self._upses_at = time.monotonic() + wait_s
                    self._looks.look_within(wait_s)
            self._stop_event.wait(IDLE_S)

    def recompute(self) -> float | None:
        """Do what can be done now. None: all is done; else in how many seconds more can be done.

        Raises StoppedError, LockedError.
        """
        with closing(open_for_deleting(self._database)) as connection:
            left = store.pending(connection) if time.monotonic() >= self._upses_at else []
            channels, levels = pending_channels(connection), pending_levels(connection)
            if not left and not channels and not levels:
                return None
            descriptor = lock_byte(f"{self._database}.lock", LOCK_OFFSET, "Another ingest recomputes")
            try:
                wait_s = self._recompute_all(connection, left)
                self._recompute_channels(connection, channels)
                self._recompute_levels(connection, levels)
                return wait_s
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

    def _recompute_channels(self, connection: sqlite3.Connection, channels: list[int]) -> None:
        runner = BatchRunner(connection, self._stop_event, LIMITS)
        for channel in channels:
            ChannelRecompute(runner, channel, self._clock, self._rest).run()
            self.longest_s = max(self.longest_s, runner.longest_s)
        if channels:
            log.info("The readings of %d channels are in line with the present rules", len(channels))

    def _recompute_levels(self, connection: sqlite3.Connection, levels: list[PendingLevels]) -> None:
        runner = BatchRunner(connection, self._stop_event, LIMITS)
        for one in levels:
            recompute_levels(runner, one)
            self.longest_s = max(self.longest_s, runner.longest_s)
            log.info("Node %d: the stored volts are battery levels by %s", one.node, one.text)

    def _hour_at(self, at: float) -> str:
        return self._clock.day_and_hour(at)[1]
