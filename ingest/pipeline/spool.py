"""The spool: a file beside the database for what could not be written when ingest had to end.

It is allocated in advance, so that a full disk does not matter. It holds frames: each is MAGIC, the length
and the CRC-32 of what follows, and a compressed text. Frames are read up to the first that is not whole.

Each ingest process has one of its own: `DATABASE-spool`, `DATABASE-spool-2`, whichever no other has locked.
"""

import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ingest.db.file_identity import identity

log = logging.getLogger(__name__)

SPOOL_BYTES = 8_000_000
LEAST_BYTES = 64_000
SHARE = 8  # on a small disk: this part of what is free
PROCESSES = 16  # that may read into one database
MAGIC = b"VKSP"
HEAD = struct.Struct(">4sII")


class SpoolError(OSError):
    """What could not be kept in the spool, and why."""


def beside(database: Path, what: str, number: int) -> Path:
    """The file of this kind and process beside the database: `telemetry.db-spool`, `telemetry.db-spool-2`."""
    return database.with_name(f"{database.name}-{what}" + (f"-{number}" if number > 1 else ""))


class Spool:
    """The spool of this process. `number` counts the processes of a database from 1."""

    KIND = "spool"
    BYTES = SPOOL_BYTES

    def __init__(self, database: Path, number: int, descriptor: int) -> None:
        self.path = beside(database, self.KIND, number)
        self.number = number
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size

    @classmethod
    def open_all(
        cls, database: Path, is_own: Callable[["Spool"], bool] = lambda spool: True
    ) -> list["Spool"]:
        """Lock every spool of the database that is ours and that no other process has, at least one.

        Raises OSError.
        """
        found: list[Spool] = []
        for number in range(1, PROCESSES + 1):
            path = beside(database, cls.KIND, number)
            if found and not path.exists():
                continue
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            spool = cls(database, number, descriptor)
            if is_own(spool):
                found.append(spool)
            else:
                spool.close()
        if not found:
            raise SpoolError(f"{PROCESSES} processes read into {database} already")
        return found

    def allocate(self) -> None:
        """Take the space in advance, as far as the disk has it. Raises OSError where it has not."""
        disk = os.fstatvfs(self._descriptor)
        free = disk.f_bavail * disk.f_frsize
        for size in (self.BYTES, min(self.BYTES, max(LEAST_BYTES, free // SHARE))):
            if self._size >= size:
                return
            if size <= max(LEAST_BYTES, free // SHARE):
                os.posix_fallocate(self._descriptor, 0, size)
                self._size = size
                return

    def read(self) -> list[bytes]:
        """Return the texts that the spool holds, oldest first. Raises OSError."""
        return [text for text, _ in self._frames()]

    def _frames(self) -> Iterator[tuple[bytes, int]]:
        """Each text, and where its frame ends."""
        offset = 0
        while True:
            head = os.pread(self._descriptor, HEAD.size, offset)
            if len(head) < HEAD.size:
                return
            magic, length, checksum = HEAD.unpack(head)
            if magic != MAGIC or length > self.BYTES:
                return
            body = os.pread(self._descriptor, length, offset + HEAD.size)
            if len(body) < length or zlib.crc32(body) != checksum:
                return
            offset += HEAD.size + length
            try:
                text = zlib.decompress(body)
            except zlib.error:
                return
            yield text, offset

    def end(self) -> int:
        """Return where the next text belongs, for `append()`. Raises OSError."""
        self._follow_path()
        return max((end for _, end in self._frames()), default=0)

    def append(self, texts: Sequence[bytes], start: int | None = None) -> int:
        """Keep these texts from `start` on (None: behind all others); return how many fitted.

        They are on disk then. Raises OSError: they may be there all the same, so that the next attempt has
        to have the `start` of this one.
        """
        start = self.end() if start is None else start
        kept, out, offset = 0, b"", start
        for text in texts:
            body = zlib.compress(text, 1)
            frame = HEAD.pack(MAGIC, len(body), zlib.crc32(body)) + body
            if offset + len(frame) > self.BYTES:
                break
            out, offset, kept = out + frame, offset + len(frame), kept + 1
        self._write(out + bytes(min(HEAD.size, max(0, self._size - offset))), start)
        return kept

    def clear(self) -> None:
        """Forget all texts. Raises OSError."""
        self._write(bytes(HEAD.size), 0)

    def set_aside(self) -> Path:
        """Rename the spool to a name that is never read again, and return that. Raises OSError."""
        aside = self.path.with_name(f"{self.path.name}-unreadable")
        self.path.rename(aside)
        return aside

    def close(self) -> None:
        """Let other processes have it."""
        os.close(self._descriptor)

    def _write(self, content: bytes, offset: int) -> None:
        view = memoryview(content)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written
        os.fsync(self._descriptor)

    def _follow_path(self) -> None:
        """Where the file was deleted or moved, make it anew where the next start looks for it."""
        held = os.fstat(self._descriptor)
        if identity(self.path) == (held.st_dev, held.st_ino):
            return
        with suppress(OSError):  # the folder is gone, too: the file that is open is all there is
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.close(self._descriptor)
            self._descriptor, self._size = descriptor, os.fstat(descriptor).st_size
