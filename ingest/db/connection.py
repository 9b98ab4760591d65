"""The SQLite file: how it is opened and written. Nothing here knows what the rows mean."""

import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

CACHE_KB = 8_000  # a batch of 20,000 messages changes this much: a smaller cache writes the same pages again and again
LOG_BYTES = (
    16_000_000  # of the write-ahead log, to which it shrinks when what readers held back has been copied
)
BUSY_TIMEOUT_S = 15
LOOK_S = 0.001  # whether the file can be written by now


def connect(path, readonly=False):
    """A connection in autocommit mode with the pragmas that every program of the house uses.

    Raises sqlite3.OperationalError when the file cannot be opened.
    """
    connection = sqlite3.connect(
        _uri(path, "ro" if readonly else "rwc"),
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("pragma synchronous = full")
    connection.execute("pragma wal_autocheckpoint = 4000")
    connection.execute(f"pragma journal_size_limit = {LOG_BYTES}")
    connection.execute(f"pragma cache_size = -{CACHE_KB}")
    return connection


def _uri(path, mode):
    return f"{Path(path).absolute().as_uri()}?mode={mode}"


def is_sqlite(path):
    """True for a file that begins as a database does."""
    with Path(path).open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def fold_log(path):
    """Bring the log into the file, as far as nobody is in the way just now.

    Each program does so when it stops: the file is then whole without the log, for whoever copies or replaces it.
    """
    with suppress(sqlite3.Error):  # a full disk, a file that was taken away: the log counts at the next start
        with closing(sqlite3.connect(_uri(path, "rw"), uri=True, timeout=0)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")


def begin(connection):
    """BEGIN IMMEDIATE, as soon as nobody else writes: a deferred BEGIN cannot wait for its turn.

    SQLite's own busy handler looks again after 1, 3, 8, 18, 33, 53, 78 ms ... and misses the pauses between other
    programs' transactions; this looks every millisecond. Raises sqlite3.OperationalError after the connection's busy_timeout.
    """
    patience = connection.execute("pragma busy_timeout").fetchone()[0]
    until = time.monotonic() + patience / 1000
    connection.execute("pragma busy_timeout = 0")
    try:
        while True:
            try:
                return connection.execute("begin immediate")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(LOOK_S)
    finally:
        connection.execute(f"pragma busy_timeout = {patience}")


@contextmanager
def transaction(connection):
    """BEGIN IMMEDIATE ... COMMIT, rolled back on any exception."""
    begin(connection)
    try:
        yield
        connection.commit()
    except BaseException:  # a COMMIT that fails (a full disk) leaves the transaction open, too
        connection.rollback()
        raise
