"""How the site wakes ingest when it has stored an order: named pipes beside the database.

Without it ingest sees the order when it looks for changes the next time, half a second later at most. A pipe
costs nothing while nobody writes to it. Each ingest process has one of its own, with its process id in the
name; file systems that have no pipes leave it at the half second.
"""

import errno
import glob
import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

MARK = "-wake-"  # between the name of the database and the process id
BYTES = 4096  # read at once: wakes that came together are one


class WakePipe:
    """The pipe of this process. `descriptor` is None where there is none."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}{MARK}{os.getpid()}")
        self.descriptor: int | None = None
        new = self._path.with_name(f".{self._path.name}")
        try:
            new.unlink(missing_ok=True)
            os.mkfifo(new, 0o660)
            # For reading and writing: it has no end when the last writer closes it.
            self.descriptor = os.open(new, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            new.rename(self._path)  # one that nobody reads yet would be taken for a left one
        except OSError as error:
            log.info("No pipe beside the database (%s): orders are seen within half a second", error)

    def drain(self) -> None:
        """Read what was written, so that the next wake is seen."""
        if self.descriptor is not None:
            with suppress(BlockingIOError):
                os.read(self.descriptor, BYTES)

    def close(self) -> None:
        """Take the pipe away."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
            with suppress(OSError):  # left on a disk that is read-only now; `wake_ingest` removes it
                self._path.unlink(missing_ok=True)


def wake_ingest(database: Path) -> None:
    """Wake the ingest processes of a database; what a killed one has left is removed."""
    for path in database.parent.glob(f"{glob.escape(database.name)}{MARK}*"):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nobody reads it
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            continue
        with suppress(BlockingIOError):  # full: it is awake
            os.write(descriptor, b"\0")
        os.close(descriptor)
