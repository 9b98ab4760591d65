"""Below `min_free_mb` raw messages and unreadable lines are not kept, but counted: what matters goes on.

A sink: it looks at the disk and keeps the event DISK_LOW, whose figures are the counts.
"""

import json
import logging
import os
import sqlite3
import time
from pathlib import Path

from ingest.db.problems import MB
from ingest.db.time import format_utc

log = logging.getLogger(__name__)

MIN_FREE_MB = 200.0  # where the config has none; a tenth of a disk that is smaller than that
EVENT = "DISK_LOW"
CHECK_S = 5.0  # between two looks at the disk
SAVE_S = 30.0  # between two writes of the counts
ENOUGH = 1.1  # times the limit has to be free for the event to end

IS_OPEN = f"select 1 from events where event = '{EVENT}' and ended_at is null"
OPEN = f"""insert into events (event, started_at, complete, detail, figures)
select '{EVENT}', ?, 1, ?, ? where not exists ({IS_OPEN})"""
COUNT = f"""update events set figures = json_set(figures, '$.messages', figures ->> '$.messages' + ?,
'$.rejects', figures ->> '$.rejects' + ?) where event = '{EVENT}' and ended_at is null"""
CLOSE = f"update events set ended_at = ? where event = '{EVENT}' and ended_at is null"


class FreeSpace:
    """Whether the disk of the database has space for raw messages. `min_free_mb` None: MIN_FREE_MB."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        database: Path,
        min_free_mb: float | None,
        check_s: float = CHECK_S,
    ) -> None:
        self._folder, self._min_free_mb, self._check_s = database.parent, min_free_mb, check_s
        self.is_low = self._was_low = connection.execute(IS_OPEN).fetchone() is not None
        self._detail = ""
        self._checked = self._saved = float("-inf")
        self._messages = self._rejects = 0  # not kept, and not counted in the file yet
        self._look(time.monotonic())

    @property
    def is_urgent(self) -> bool:
        """Whether the event begins or ends, and that is not committed."""
        return self.is_low != self._was_low

    def not_kept(self, messages: int, rejects: int) -> None:
        """Count what was left out of a commit."""
        self._messages += messages
        self._rejects += rejects

    def absorb(self, item: None) -> None:
        """Nothing is handed in."""

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Look at the disk now and then; True where the event begins, ends, or its counts are due."""
        now = time.monotonic()
        if now - self._checked >= self._check_s:
            self._look(now)
        has_counts = bool(self._messages or self._rejects) and now - self._saved >= SAVE_S
        return self.is_low != self._was_low or has_counts

    def _look(self, now: float) -> None:
        self._checked = now
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return
        free = disk.f_bavail * disk.f_frsize
        limit = self._limit(disk.f_blocks * disk.f_frsize)
        is_low = free < (limit * ENOUGH if self.is_low else limit)
        if is_low and not self.is_low:
            self._detail = (
                f"{free / MB:.0f} MB free on the disk of the database, below {limit / MB:.0f} (min_free_mb): "
                "raw messages and unreadable lines are not kept"
            )
            log.error("%s, but counted", self._detail)
        elif self.is_low and not is_low:
            log.warning("%.0f MB free on the disk of the database: raw messages are kept again", free / MB)
        self.is_low = is_low

    def _limit(self, size: float) -> float:
        if self._min_free_mb is not None:
            return self._min_free_mb * MB
        return MIN_FREE_MB * MB if size > MIN_FREE_MB * MB else size / 10

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Open, count and close the event."""
        at = format_utc(time.time())
        if self.is_low and not self._was_low:
            connection.execute(OPEN, (at, self._detail, json.dumps({"messages": 0, "rejects": 0})))
        counted = self._messages or self._rejects
        if counted:
            connection.execute(COUNT, (self._messages, self._rejects))
        if self._was_low and not self.is_low:
            connection.execute(CLOSE, (at,))
        return {"events"} if counted or self.is_low != self._was_low else set()

    def committed(self) -> None:
        """Forget what is in the file."""
        self._was_low = self.is_low
        if self._messages or self._rejects:
            self._saved = time.monotonic()
        self._messages = self._rejects = 0
