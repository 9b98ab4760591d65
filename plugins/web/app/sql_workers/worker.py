"""The process that runs visitors' SQL: `python -m plugins.web.app.sql_workers.worker FILE TIMEZONE`.

Queries come in on standard input, answers go out on standard output (`wire`); the end of the input ends it.
It imports no Datasette, so that it stays at about 11 MB.
"""

import os
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from json.encoder import encode_basestring_ascii
from pathlib import Path
from urllib.parse import quote

from plugins.web.app.sql_workers.wire import Query, QueryAnswer, Value, pack, unpack_query
from plugins.web.hidden_tables import hides
from reporting.canned_queries import is_interrupt
from reporting.sql_functions import register

HEAP_BYTES = 64 * 2**20  # of SQLite: sorting, temporary tables, strings that grow
ADDRESS_SPACE_BYTES = 256 * 2**20  # of the process: above that heap, the interpreter and the answer
VALUE_BYTES = 2 * 2**20  # one string or blob
PATTERN_BYTES = 500  # of LIKE and GLOB, whose time grows with a power of it
SQL_BYTES = 200_000  # a page of a table nests conditions into its facets
ORPHAN_S = 2  # after its deadline a query that nothing else ended takes the process with it
NICENESS = 5  # pages and ingest come first
CHECK_EVERY = 1000  # instructions of SQLite between two looks at the clock

NUMBER_BYTES = 24  # of one, and of a value beside its characters
ESCAPED_BYTES = 6  # of a zero in JSON: backslash, u and four digits

ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
ADDRESS_OF_CODE = "fts3_tokenizer"  # its answer is a pointer, which would tell where the process has its code
PRAGMAS = frozenset(
    "data_version database_list foreign_key_list function_list index_info index_list index_xinfo page_count "
    "max_page_count page_size schema_version table_info table_list table_xinfo".split()
)


class WorkerDatabase:
    """The file, read-only. Another file that takes its place is opened at the next query."""

    def __init__(self, path: str, timezone: str) -> None:
        self._path, self._timezone = path, timezone
        self._file: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        self._shown: Sequence[str] = ()
        self._was_hidden = False

    def answer(self, query: Query) -> QueryAnswer:
        """Run a query. Whatever fails becomes the answer."""
        signal.setitimer(signal.ITIMER_REAL, max(0.0, query.deadline - time.monotonic()) + ORPHAN_S)
        try:
            connection = self._connect()
            self._show(connection, query.shown)
            connection.set_progress_handler(lambda: time.monotonic() >= query.deadline, CHECK_EVERY)
            with closing(connection.execute(query.sql, query.params)) as cursor:
                return _collect(cursor, query)
        except sqlite3.OperationalError as error:
            return QueryAnswer(error=str(error), interrupted=is_interrupt(error))
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, OSError) as error:
            return QueryAnswer(error=str(error), was_hidden=self._was_hidden)
        except MemoryError:
            return QueryAnswer(error=f"out of memory: a query may use {HEAP_BYTES // 2**20} MB")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _connect(self) -> sqlite3.Connection:
        found = os.stat(self._path)
        file = (found.st_dev, found.st_ino)
        if self._connection is None or file != self._file:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._file = open_database(self._path, self._timezone), file
            self._connection.set_authorizer(self._authorize)
        return self._connection

    def _show(self, connection: sqlite3.Connection, tables: Sequence[str]) -> None:
        """Let the next statement read these hidden tables."""
        self._was_hidden = False
        if set(tables) != set(self._shown):
            self._shown = tables
            connection.set_authorizer(self._authorize)  # so that prepared statements are checked anew

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
    ) -> int:
        """Allow to read what is not hidden."""
        if action == sqlite3.SQLITE_READ:
            if not hides(first, second, self._shown):
                return sqlite3.SQLITE_OK
            self._was_hidden = True
        elif action == sqlite3.SQLITE_FUNCTION and second == ADDRESS_OF_CODE:
            return sqlite3.SQLITE_DENY
        elif action in ALLOWED or (action == sqlite3.SQLITE_PRAGMA and first in PRAGMAS):
            return sqlite3.SQLITE_OK
        elif action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
            # What SQLite asks for virtual tables such as json_each; the file is read-only.
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY


def open_database(path: str, timezone: str) -> sqlite3.Connection:
    """A connection on which SQL reads, and nothing else. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"file:{quote(str(Path(path).resolve()))}?mode=ro", uri=True)
    connection.text_factory = lambda data: str(data, "utf-8", "replace")
    for pragma in (
        "busy_timeout = 1000",
        "query_only = on",
        "temp_store = memory",  # sorting counts as heap and fills no disk
        "cache_size = -2000",
        f"hard_heap_limit = {HEAP_BYTES}",
    ):
        connection.execute(f"pragma {pragma}").close()
    register(connection, timezone)
    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    ):
        connection.setlimit(limit, value)
    return connection


def _collect(cursor: sqlite3.Cursor, query: Query) -> QueryAnswer:
    columns = tuple(column[0] for column in cursor.description or ())
    rows: list[tuple[Value, ...]] = []
    size, has_more, was_cut = 0, False, False
    for row in cursor:
        size += sum(map(size_of, row))
        was_cut = size > query.max_bytes
        has_more = len(rows) == query.max_rows
        if was_cut or has_more:
            break
        rows.append(row)
    return QueryAnswer(columns, rows, has_more, was_cut)


def size_of(value: Value) -> int:
    """About how many bytes a value is in JSON, where a character may become six, and at least in memory."""
    if isinstance(value, str):
        return NUMBER_BYTES + len(encode_basestring_ascii(value))
    return NUMBER_BYTES + (ESCAPED_BYTES * len(value) if isinstance(value, bytes) else 0)


def limit_process() -> None:
    """Bound what the process may take, whatever SQLite does in it; and let the kernel end it first.

    A sandbox may forbid some of it; the heap of SQLite is bounded all the same.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the site ends its workers itself
    for limit, value in ((resource.RLIMIT_AS, ADDRESS_SPACE_BYTES), (resource.RLIMIT_CORE, 0)):
        with suppress(OSError, ValueError):  # ValueError: it is lower already
            resource.setrlimit(limit, (value, value))
    with suppress(OSError):
        os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def read_input(count: int) -> bytes:
    """So many bytes of standard input. Raises EOFError at its end."""
    parts: list[bytes] = []
    while count:
        part = os.read(0, count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def write_output(data: bytes) -> None:
    """All of it to standard output. Raises OSError where the site is gone."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def main(path: str, timezone: str) -> None:
    """QueryAnswer queries until there are no more."""
    limit_process()
    database = WorkerDatabase(path, timezone)
    with suppress(EOFError, OSError):
        write_output(pack(QueryAnswer()))  # ready
        while True:
            write_output(pack(database.answer(unpack_query(read_input))))


if __name__ == "__main__":
    main(*sys.argv[1:])
