"""The SQLite file: how it is opened and written. Nothing here knows what the rows mean."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

# A batch of 20,000 messages changes as much: a smaller cache writes the same pages again and again.
CACHE_KB = 5_000
WAL_BYTES = 16_000_000  # to which the log shrinks when what readers held back has been copied
BUSY_TIMEOUT_S = 15.0
PRAGMAS = (
    "synchronous = full",
    "wal_autocheckpoint = 4000",
    f"journal_size_limit = {WAL_BYTES}",
    f"cache_size = -{CACHE_KB}",
)
RETRY_S = 0.001  # between two attempts to begin a transaction

Row = dict[str, Any]  # a row of a table: its values are of the types of its columns


def connect(
    path: Path | str,
    readonly: bool = False,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    create: bool = True,
    durable: bool = True,
) -> sqlite3.Connection:
    """Open a connection in autocommit mode with the pragmas that every program of the installation uses.

    Commits of one that is not `durable` do not wait for the disk: for what is made anew after a power cut.

    Raises sqlite3.OperationalError when the file cannot be opened.
    """
    connection = sqlite3.connect(
        _uri(path, "ro" if readonly else "rwc" if create else "rw"),
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
    )
    for pragma in PRAGMAS:
        connection.execute(f"pragma {pragma}")
    if not durable:
        connection.execute("pragma synchronous = off")
    return connection


def _uri(path: Path | str, mode: str) -> str:
    return f"{Path(path).absolute().as_uri()}?mode={mode}"


def is_sqlite(path: Path | str) -> bool:
    """True for a file that begins as a database does. Raises OSError."""
    with Path(path).open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def dict_rows(connection: sqlite3.Connection, sql: str, values: Sequence[object] = ()) -> list[Row]:
    """Select rows as column -> value."""
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def checkpoint_wal(path: Path | str) -> None:
    """Copy the write-ahead log into the database file and empty it, as far as no reader is in the way.

    Each program does so when it stops: the file is then complete without its log, for every copy of
    it.
    """
    # Errors: a full disk, a file that was taken away. The log counts at the next start.
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(_uri(path, "rw"), uri=True, timeout=0)) as connection,
    ):
        connection.execute("pragma wal_checkpoint(truncate)")


def begin(connection: sqlite3.Connection) -> None:
    """BEGIN IMMEDIATE, as soon as no other connection writes: a deferred BEGIN cannot wait for its turn.

    SQLite's own busy handler looks again after 1, 3, 8, 18, 33, 53, 78 ms ... and misses the pauses between
    other programs' transactions; this looks every millisecond. Raises sqlite3.OperationalError after the
    connection's busy_timeout.
    """
    patience_ms = connection.execute("pragma busy_timeout").fetchone()[0]
    until = time.monotonic() + patience_ms / 1000
    connection.execute("pragma busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("begin immediate")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(RETRY_S)
    finally:
        connection.execute(f"pragma busy_timeout = {patience_ms}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE ... COMMIT, rolled back on any exception."""
    begin(connection)
    try:
        yield
        connection.commit()
    except BaseException:  # a COMMIT that fails (a full disk) leaves the transaction open, too
        connection.rollback()
        raise
