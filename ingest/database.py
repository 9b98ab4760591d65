"""The SQLite file: how it is made, migrated and opened. Nothing here knows what the rows mean."""

import fcntl
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from ingest.schema import migrations
from ingest.views import VIEWS

PAGE_SIZE = 1024  # a small commit then writes a third of what it writes with pages of 4096
CACHE_KB = 8_000  # a batch of 20,000 messages changes this much: a smaller cache writes the same pages again and again
LOG_BYTES = (
    16_000_000  # of the write-ahead log, to which it shrinks when what readers held back has been copied
)
BUSY_TIMEOUT_S = 15
LOOK_S = 0.001  # whether the file can be written by now


def utc(seconds):
    """Unix seconds as the text that every `*_at` column holds: `2026-11-20T23:19:40.123Z`.

    Milliseconds are cut, not rounded, so that a time is never in the future.
    """
    whole, milliseconds = divmod(round(seconds * 1e6) // 1000, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{milliseconds:03d}Z"


def seconds(text):
    """The unix seconds of a text that `utc()` made. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


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


def migrate(path):
    """Make the file if there is none and bring tables and views up to date.

    Safe to call from several programs at once: a lock file beside the database lets one at a time in.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_name(path.name + ".lock")):
        connection = connect(path)
        try:
            if connection.execute("pragma page_count").fetchone()[0] == 0:
                connection.execute(f"pragma page_size = {PAGE_SIZE}")
                connection.execute("pragma auto_vacuum = incremental")
            if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
                connection.execute("pragma journal_mode = wal")
            migrations.apply(Database(connection))
            _refresh_views(connection)
        finally:
            connection.close()


def _refresh_views(connection):
    """Make the views of `VIEWS` again where the file holds other ones; drop those that are no more."""
    wanted = {name: f"create view {name} as {sql.strip()}" for name, sql in VIEWS.items()}
    held = dict(connection.execute("select name, sql from sqlite_master where type = 'view'"))
    if {name: _squeeze(sql) for name, sql in held.items()} == {n: _squeeze(sql) for n, sql in wanted.items()}:
        return
    with transaction(connection):
        for name in held:
            connection.execute(f"drop view [{name}]")
        for sql in wanted.values():
            connection.execute(sql)


def _squeeze(sql):
    return " ".join(sql.lower().split())


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


@contextmanager
def _locked(path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
