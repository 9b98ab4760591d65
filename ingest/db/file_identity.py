"""Whether a path still leads to the database that this process has open.

A file that is moved, deleted or replaced stays open under its old inode: what is written into it then is lost
to everybody else. The write-ahead log beside it is a part of the database.
"""

import os
from contextlib import suppress
from pathlib import Path

Identity = tuple[int, int]  # device and inode


def identity(path: Path | str) -> Identity | None:
    """Device and inode of what the path leads to; None where there is nothing."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class DatabaseFile:
    """The identity of an open database and of its log, taken when it was opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._memory = path.with_name(f"{path.name}-shm")
        self._opened = identity(path)
        self._log_opened = identity(self._log)
        self._memory_opened = identity(self._memory)

    def fault(self) -> str | None:
        """Why this is no longer the database at its path, or None."""
        found = identity(self.path)
        if found is None:
            return f"{self.path} was moved away or deleted while it was open"
        if found != self._opened:
            return f"{self.path} was replaced by another file while it was open"
        log = identity(self._log)
        if self._log_opened is None:
            self._log_opened, self._memory_opened = log, identity(self._memory)
        elif log is None:
            return f"{self._log}, which is a part of the database, was deleted while it was open"
        elif log != self._log_opened:
            return f"{self._log}, which is a part of the database, was replaced while it was open"
        return None

    def remove_left_log(self) -> None:
        """Remove the log and its index where they belong to the file that was open and is not there any more.

        SQLite would read them as a part of whatever file is at the path now.
        """
        whole = identity(self.path) == self._opened
        for path, opened in ((self._log, self._log_opened), (self._memory, self._memory_opened)):
            if opened is not None and identity(path) == opened and not (whole and path == self._log):
                with suppress(OSError):
                    path.unlink()
