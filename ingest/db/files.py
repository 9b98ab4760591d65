"""Files that survive a power cut, and that other users of the machine cannot read."""

import os
from contextlib import suppress
from pathlib import Path

DATABASE_MODE = 0o640
OTHERS = 0o007  # the bits of a mode that are those of all other users


def sync(path: Path) -> None:
    """Wait until the bytes of a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(database: Path) -> None:
    """Make the file of a new database, for its owner and group; take an existing one from other users.

    It shows when the house is empty. SQLite gives its log the mode of the file. Raises OSError where the file
    cannot be made; the mode of one that belongs to another user stays.
    """
    with suppress(FileExistsError):
        os.close(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, DATABASE_MODE))
    for path in (database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError, PermissionError):
            mode = path.stat().st_mode
            if mode & OTHERS:
                path.chmod(mode & 0o7777 & ~OTHERS)
