"""A consistent copy of the database while it is written: one snapshot, read beside ingest, which never waits for it.

The copy appears under its name only when it is whole, checked and on the disk; a copy that was cut off is a file
`.NAME.partial-PID`, which the next one clears away.
"""

import os
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

from ingest.db.connection import connect, is_sqlite
from ingest.errors import VoltkeeperError
from ingest.maintenance.batches import Stopped, interruptible

STEP = 1_000  # pages copied between two looks whether to stop
STAMP = "%Y-%m-%d-%H%M%S"


class BackupError(VoltkeeperError, ValueError):
    """Why there is no copy, in words."""


def back_up(database, target, stop=None, progress=lambda done, total: None):
    """Copy the file `database` to `target`, which must not be there yet, or be an older copy. Returns its bytes.

    Raises BackupError, Stopped, OSError or sqlite3.Error; `target` is then as it was.
    """
    database, target = Path(database).absolute(), Path(target).absolute()
    if not database.exists():
        raise BackupError(f"{database} is not there: nothing has been stored yet")
    if target.exists() and (target.samefile(database) or not _is_copy(target)):
        what = (
            "a folder"
            if target.is_dir()
            else "the database itself"
            if target.samefile(database)
            else "there, and no copy of a database"
        )
        raise BackupError(f"{target} is {what}: name another file")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent} is no folder: make it first")
    clear_away(target.parent, glob_quoted(target.name))
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        copy(database, partial, stop, progress)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    _sync(target.parent)
    return target.stat().st_size


def copy(database, target, stop=None, progress=lambda done, total: None):
    """One snapshot of `database` as the new file `target`, checked and synced. Nobody else may read it."""
    target.touch(0o600)
    with closing(connect(database, readonly=True)) as source, closing(sqlite3.connect(target)) as copied:
        source.execute("begin")
        source.execute("select count(*) from sqlite_master").fetchone()  # the snapshot is that of now

        def step(status, remaining, total):
            progress(total - remaining, total)
            if stop is not None and stop.is_set():
                raise Stopped

        source.backup(copied, pages=STEP, progress=step, sleep=0)
        source.execute("rollback")
        copied.execute("pragma journal_mode = delete")  # one file that is complete in itself
        with interruptible(copied, stop):
            wrong = copied.execute("pragma quick_check(1)").fetchone()[0]
        if wrong != "ok":
            raise BackupError(f"the copy is damaged ({wrong}): so is the database; run its integrity check")
    _sync(target)


def clear_away(folder, name):
    """Remove what copies that were killed left in `folder`, of targets whose name has the pattern `name`."""
    for left in folder.glob(f".{name}.partial-*"):
        if not _alive(left.name.rpartition(".partial-")[2].partition("-")[0]):  # their journals, too
            left.unlink(missing_ok=True)


def glob_quoted(name):
    """A file name whose `*`, `?` and `[` stand for themselves."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _alive(number):
    if not number.isdigit() or int(number) == os.getpid():
        return False
    return Path(f"/proc/{number}").exists()


def _is_copy(path):
    """An SQLite file, or an empty one."""
    return path.is_file() and (not path.stat().st_size or is_sqlite(path))


def _sync(path):
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def daily(database, folder, keep, stop=None):
    """A copy with its time in the name in `folder`; of such copies the newest `keep` stay. Returns (path, bytes)."""
    folder, stem = Path(folder), Path(database).stem
    folder.mkdir(parents=True, exist_ok=True)
    clear_away(folder, f"{glob_quoted(stem)}-*.db")
    path = folder / f"{stem}-{datetime.now().strftime(STAMP)}.db"
    size = back_up(database, path, stop)
    for old in sorted(path for path in folder.glob(f"{glob_quoted(stem)}-*.db") if _is_stamped(path, stem))[
        :-keep
    ]:
        old.unlink()
    return path, size


def _is_stamped(path, stem):
    try:
        time.strptime(path.stem.removeprefix(f"{stem}-"), STAMP)
    except ValueError:
        return False
    return True
