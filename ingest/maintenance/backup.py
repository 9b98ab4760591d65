"""A consistent copy of the database while it is written: one snapshot, for which ingest never waits.

The copy appears under its name only when it is whole, checked and on the disk; a copy that was cut off is a
file `.NAME.partial-PID`, which the next one clears away.
"""

import os
import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from ingest.db.batches import StoppedError, interruptible
from ingest.db.connection import connect, is_sqlite
from ingest.db.files import sync
from ingest.errors import VoltkeeperError
from ingest.process.progress import no_progress

PAGES = 1_000  # pages copied between two looks whether to stop
STAMP, STAMPED = "%Y-%m-%d-%H%M%S", r"\d{4}-\d\d-\d\d-\d{6}"


class BackupError(VoltkeeperError, ValueError):
    """Why there is no copy, as a message for people."""


def back_up(
    database: Path,
    target: Path,
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] = no_progress,
) -> int:
    """Copy the file `database` to `target`, which must not be there yet, or be an older copy.

    Returns its bytes.

    Raises BackupError, StoppedError, OSError or sqlite3.Error; `target` is then as it was.
    """
    database, target = Path(database).absolute(), Path(target).absolute()
    if not database.exists():
        raise BackupError(f"{database}: no such file: nothing has been stored yet")
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
        raise BackupError(f"{target.parent}: no such folder: make it first")
    clear_away(target.parent, glob_quoted(target.name))
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        copy(database, partial, stop, progress)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    sync(target.parent)
    return target.stat().st_size


def copy(
    database: Path,
    target: Path,
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] = no_progress,
) -> None:
    """Write one snapshot of `database` as the new file `target`: checked, synced, private to its owner."""
    target.touch(0o600)
    with closing(connect(database, readonly=True)) as source, closing(sqlite3.connect(target)) as copied:
        source.execute("begin")
        source.execute("select count(*) from sqlite_master").fetchone()  # the snapshot is that of now

        def step(status: int, remaining: int, total: int) -> None:
            progress(total - remaining, total)
            if stop is not None and stop.is_set():
                raise StoppedError

        source.backup(copied, pages=PAGES, progress=step, sleep=0)
        source.execute("rollback")
        copied.execute("pragma journal_mode = delete")  # one file that is complete in itself
        with interruptible(copied, stop):
            wrong = copied.execute("pragma quick_check(1)").fetchone()[0]
        if wrong != "ok":
            raise BackupError(f"the copy is damaged ({wrong}): so is the database; run its integrity check")
    sync(target)


def clear_away(folder: Path, name: str) -> None:
    """Remove what copies that were killed left in `folder`, of targets whose name has the pattern `name`."""
    for left in folder.glob(f".{name}.partial-*"):
        if not _alive(left.name.rpartition(".partial-")[2].partition("-")[0]):  # their journals, too
            left.unlink(missing_ok=True)


def glob_quoted(name: str) -> str:
    """Return a file name whose `*`, `?` and `[` are quoted for glob()."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _alive(number: str) -> bool:
    return number.isdigit() and int(number) != os.getpid() and Path(f"/proc/{number}").exists()


def _is_copy(path: Path) -> bool:
    """An SQLite file, or an empty one."""
    return path.is_file() and (not path.stat().st_size or is_sqlite(path))


def daily(
    database: Path, folder: Path, keep: int | None, stop: threading.Event | None = None
) -> tuple[Path, int]:
    """Copy to a file with its time in the name in `folder`; the newest `keep` of such copies stay.

    None keeps all. Returns (path, bytes).
    """
    stem = database.stem
    folder.mkdir(parents=True, exist_ok=True)
    clear_away(folder, f"{glob_quoted(stem)}-*.db")
    path = folder / f"{stem}-{datetime.now().strftime(STAMP)}.db"
    size = back_up(database, path, stop)
    copies = (one for one in folder.iterdir() if re.fullmatch(rf"{re.escape(stem)}-{STAMPED}\.db", one.name))
    for old in sorted(copies)[:-keep] if keep else ():
        old.unlink()
    return path, size
