"""What SQL does not read: images and sessions for no user, audit and alerts for those who are not signed in.

An authorizer on every connection of Datasette refuses it, so that tables, rows, JSON, CSV, facets, views and
SQL of visitors are treated alike (https://www.sqlite.org/c3ref/set_authorizer.html).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any, TypeVar

from datasette import Forbidden
from datasette.database import Database, Results

from plugins.web.hidden_tables import guard_tables

FOR_SIGNED_IN = frozenset({"audit", "deliveries", "mutes", "plan_runs", "plan_steps"})

T = TypeVar("T")

# The hidden tables that the request at hand may read; set for each request.
readable: ContextVar[frozenset[str]] = ContextVar("readable", default=frozenset())


@contextmanager
def open_tables(connection: sqlite3.Connection, *tables: str) -> Iterator[None]:
    """Let the statements of a guarded connection read these hidden tables."""
    guard_tables(connection, *tables)
    try:
        yield
    finally:
        guard_tables(connection)


def is_hidden(error: Exception) -> bool:
    """True for the error of a statement that `guard_tables` refused."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH


def answer_of(error: Exception) -> Exception:
    """What a visitor is answered for an error that `is_hidden`: a bad query, or one that is not allowed."""
    if "firmware_images" in str(error):
        return sqlite3.OperationalError("the bytes of firmware images are not shown")
    return Forbidden(
        f"This reads a table that is not shown. Signed-in users can read {', '.join(sorted(FOR_SIGNED_IN))}."
    )


class GuardedDatabase(Database):
    """Datasette's Database; reads of a request see the hidden tables that are `readable` for it."""

    @cached_property
    def _hidden_thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "hidden-tables")

    @cached_property
    def _hidden_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = self.connect()  # which `close` closes, too
        return connection

    async def execute(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        **options: Any,  # Any: Datasette's own
    ) -> Results:
        """As Datasette's; errors in queries of visitors go to the visitor, not to the log."""
        return await super().execute(sql, params, **{**options, "log_sql_errors": False})

    async def read_hidden(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """`fn(connection)` in a thread of its own, on a connection that hides nothing and only reads."""
        result: T = await asyncio.get_running_loop().run_in_executor(
            self._hidden_thread, lambda: fn(self._hidden_connection)
        )
        return result

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """`fn(connection)` in a reading thread. Raises `answer_of` where it reads a hidden table.

        It begins without the hidden tables and is repeated with them where it needs them: each change of the
        authorizer costs the connection its prepared statements.
        """
        tables = readable.get()

        def read(connection: sqlite3.Connection) -> T:
            try:
                return fn(connection)
            except sqlite3.DatabaseError as error:
                if not is_hidden(error):
                    raise
                if not tables:
                    raise answer_of(error) from None
            try:
                with open_tables(connection, *tables):
                    return fn(connection)
            except sqlite3.DatabaseError as error:
                raise (answer_of(error) if is_hidden(error) else error) from None

        result: T = await super().execute_fn(read)
        return result
