"""Advisory locks on files, all exclusive.

The kernel releases them when the process that holds them ends, however it ends.

There are two kinds, which do not see each other even on the same file: flock(2) locks a whole file, fcntl(2)
single bytes of it. `DATABASE.lock` is used for both: whole while a program migrates the file, a byte for each
running reader.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ingest.errors import VoltkeeperError

FLOCK = "hhqqi"  # struct flock of fcntl(2), in the machine's own sizes: type, whence, start, length, pid


class LockedError(VoltkeeperError):
    """Another program holds the lock."""


@contextmanager
def locked(file: IO[str], wait: bool = True, message: str = "") -> Iterator[None]:
    """Hold the lock of an open file.

    Raises LockedError, with `message`, where it is taken and we do not `wait`.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(message or f"another program holds {file.name}") from None
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def lock_file(path: Path | str, wait: bool = True, message: str = "") -> Iterator[None]:
    """Hold the lock of the file `path`, which is made where it is missing. Raises LockedError, OSError."""
    with open(path, "w", encoding="utf-8") as file, locked(file, wait, message):
        yield


def lock_byte(path: Path | str, offset: int, message: str = "") -> int:
    """Lock one byte of the file `path`, made where it is missing.

    Returns the descriptor that holds it: close it to release.

    Raises LockedError when another process has it. POSIX forgets every byte lock of a process on a file as
    soon as the process closes any descriptor of that file: a holder must not open and close the file
    elsewhere.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
    except OSError:
        os.close(descriptor)
        raise LockedError(message or f"another program holds byte {offset} of {path}") from None
    return descriptor


def is_byte_locked(path: Path | str, offset: int) -> bool:
    """True while another process holds this byte of the file `path`.

    To ask, Linux needs no right to write: a file system may have become read-only since the lock was taken.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
        return bool(struct.unpack(FLOCK, answer)[0] != fcntl.F_UNLCK)
    finally:
        os.close(descriptor)
