"""Why the database cannot be written, as text for people: which kind, the facts that show it, the remedy."""

import errno
import os
import re
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ingest.db.file_identity import identity

WRITE_LOCK = 120  # the byte of the -shm file that a writer of SQLite in WAL mode has locked (walLockOffset)
LOCK_LINE = re.compile(r"^\d+: POSIX\s+\S+\s+WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) (\d+|EOF)$", re.M)
MB = 1_000_000


class Kind(StrEnum):
    """The kinds of problems, by their remedy."""

    LOCKED = "locked"
    FULL = "full"
    IO = "io"
    DAMAGED = "damaged"
    READ_ONLY = "read-only"
    READ_ONLY_DISK = "read-only file system"
    NOT_OPENED = "not opened"
    GONE = "gone"
    OTHER = "other"


_KINDS = {
    sqlite3.SQLITE_BUSY: Kind.LOCKED,
    sqlite3.SQLITE_LOCKED: Kind.LOCKED,
    sqlite3.SQLITE_FULL: Kind.FULL,
    sqlite3.SQLITE_IOERR: Kind.IO,
    sqlite3.SQLITE_CANTOPEN: Kind.NOT_OPENED,
    sqlite3.SQLITE_PROTOCOL: Kind.IO,
    sqlite3.SQLITE_CORRUPT: Kind.DAMAGED,
    sqlite3.SQLITE_NOTADB: Kind.DAMAGED,
    sqlite3.SQLITE_READONLY: Kind.READ_ONLY,
    sqlite3.SQLITE_PERM: Kind.READ_ONLY,
    sqlite3.SQLITE_AUTH: Kind.READ_ONLY,
}
REMEDIES = {
    Kind.LOCKED: "end the program that holds it",
    Kind.FULL: "free some space on that disk",
    Kind.IO: "look at the disk or SD card (`dmesg` shows its errors)",
    Kind.DAMAGED: "`voltkeeper check` shows the damage; end everything and restore a copy of the file",
    Kind.READ_ONLY: "let the user that runs ingest write the file and its folder",
    Kind.READ_ONLY_DISK: "its disk or SD card may be failing (`dmesg` shows its errors): copy the file away, "
    "check the card, and mount it for writing",
    Kind.NOT_OPENED: "look whether its folder is there and may be written by the user that runs this",
    Kind.GONE: "ingest ends, and goes on with the file that is there at its next start",
    Kind.OTHER: "`voltkeeper check` shows more",
}


@dataclass(frozen=True)
class Problem:
    """Why the database cannot be written; `text` names the cause as far as it is known."""

    kind: Kind
    text: str

    @property
    def remedy(self) -> str:
        """What a person can do about it."""
        return REMEDIES[self.kind]

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"


def find_problem(path: Path, error: BaseException) -> Problem:
    """Describe an error of SQLite or of the file system on the database at this path."""
    kind = _kind(error)
    if kind is Kind.LOCKED:
        return Problem(kind, f"{path} is locked by {lock_holder(path) or 'another program'}")
    if kind is Kind.FULL or (kind is Kind.IO and free_bytes(path) == 0):
        return Problem(Kind.FULL, f"the disk is full: no space for {path}, {_free_text(path)}")
    may_be = (Kind.READ_ONLY, Kind.IO, Kind.NOT_OPENED)
    if kind is Kind.READ_ONLY_DISK or (kind in may_be and is_read_only(path.parent)):
        return _read_only(path)
    if kind is Kind.IO:
        return Problem(kind, f"the disk of {path} gives errors ({error})")
    if kind is Kind.DAMAGED:
        return Problem(kind, f"{path} is damaged ({error})")
    if kind is Kind.NOT_OPENED:
        return Problem(kind, f"{path} cannot be opened ({error})")
    if kind is Kind.READ_ONLY:
        return Problem(kind, f"{path} cannot be written ({error})")
    return Problem(kind, f"{path} cannot be used ({type(error).__name__}: {error})")


def _kind(error: BaseException) -> Kind:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return _KINDS.get(code & 0xFF, Kind.OTHER) if code is not None else Kind.OTHER
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Kind.FULL
        if error.errno == errno.EROFS:
            return Kind.READ_ONLY_DISK
        if error.errno in (errno.EACCES, errno.EPERM):
            return Kind.READ_ONLY
        return Kind.IO if error.errno == errno.EIO else Kind.OTHER
    return Kind.OTHER


def free_bytes(path: Path) -> int | None:
    """Bytes that are free for programs on the disk of this path's folder; None where that is not known."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def find_read_only(path: Path, beside: Path) -> Problem | None:
    """The problem of a database whose file system is read-only, None where it is not.

    `beside` is a file there of which this process holds no lock: to open it for writing writes nothing.
    """
    try:
        os.close(os.open(beside, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return _read_only(path) if error.errno == errno.EROFS else None
    return None


def _read_only(path: Path) -> Problem:
    return Problem(Kind.READ_ONLY_DISK, f"the file system of {path} is read-only")


def is_read_only(folder: Path) -> bool:
    """Whether this folder's file system is read-only, as Linux makes it after an error of the disk.

    statvfs does not show what ext4 did by itself (`emergency_ro`), an attempt does; it leaves nothing behind.
    """
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR))
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def _free_text(path: Path) -> str:
    free = free_bytes(path)
    if free is None:
        return "its free space is not known"
    return f"{free / MB:.1f} MB free" if free >= MB / 10 else f"{free / 1000:.0f} kB free"


def lock_holder(path: Path) -> str | None:
    """The program that has locked the database for writing, as the kernel lists it; None where unknown.

    It is looked up in /proc/locks: to open and close the -shm file here would release SQLite's own locks.
    """
    shared = identity(path.with_name(f"{path.name}-shm"))
    try:
        locks = Path("/proc/locks").read_text()
    except OSError:
        return None
    for number, inode, first, last in LOCK_LINE.findall(locks):
        covers = int(first) <= WRITE_LOCK and (last == "EOF" or WRITE_LOCK <= int(last))
        if shared is not None and int(inode) == shared[1] and covers and int(number) > 0:
            return _program(int(number))
    return None


def _program(number: int) -> str:
    try:
        name = Path(f"/proc/{number}/comm").read_text().strip()
    except OSError:
        return f"process {number}"
    return f"{name} (process {number})"
