"""The thread of ingest that keeps the forecasts of batteries up to date."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ingest.db.connection import connect
from ingest.forecast.store import follow_events, make_forecast, pending
from ingest.process.due_looks import DueLooks

log = logging.getLogger(__name__)

IDLE_S = 10.0  # before a look that is due: an import is forecast well within a minute
STOP_TIMEOUT_S = 5.0
# Between two nodes others run: for as long as the last one took, but not so long that an import is late.
LEAST_PAUSE_S, PAUSES_S = 0.002, 20.0  # at least; all of a look together


class Forecaster(threading.Thread):
    """Makes the forecast of every node that is due for one, until `stop()`.

    `changes()` counts how often other programs have written into the file.
    """

    def __init__(
        self,
        database: Path,
        timezone: str,
        clock: Callable[[], float] = time.time,
        changes: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(name="forecast", daemon=True)
        self._database, self._timezone, self._clock = database, timezone, clock
        self._looks = DueLooks(changes)
        self._stop_event = threading.Event()

    def stop(self) -> None:
        """End; the nodes that are not done yet follow at the next start."""
        self._stop_event.set()
        if self.is_alive():
            self.join(STOP_TIMEOUT_S)

    def run(self) -> None:
        """Work until `stop()`; the thread's own function."""
        while not self._stop_event.is_set():
            try:
                if self._looks.is_due():
                    self.look()
            except (sqlite3.Error, OSError) as error:
                log.error("The forecasts of batteries are not up to date (%s), trying again", error)
            self._stop_event.wait(IDLE_S)

    def look(self) -> int:
        """Make what is due, and begin and end the events that follow; returns how many forecasts were made.

        Raises sqlite3.Error, OSError.
        """
        with closing(connect(self._database, create=False)) as connection:
            due = pending(connection, self._clock())
            pause_s = LEAST_PAUSE_S
            for done, one in enumerate(due):
                if self._stop_event.wait(pause_s):
                    return done
                started = time.thread_time()
                make_forecast(connection, one, self._clock())
                took_s = time.thread_time() - started
                pause_s = max(LEAST_PAUSE_S, min(took_s, PAUSES_S / len(due)))
            follow_events(connection, self._timezone, self._clock())
        return len(due)
