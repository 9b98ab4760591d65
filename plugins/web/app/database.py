"""The database of the site, read by its pages in threads and by visitors' SQL in processes."""

import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

from datasette.database import QueryInterrupted, Results

from plugins.web.app.sql_workers.fair_share import BusyError, FairShare
from plugins.web.app.sql_workers.pool import SqlWorkers
from plugins.web.app.sql_workers.wire import Params, Query, QueryAnswer
from plugins.web.app.visitors import MAX_PAGE_BYTES, Visitor, visitor
from plugins.web.compat import busy_error, too_large_error
from plugins.web.hidden_tables import ALL, HIDDEN
from plugins.web.site import Site
from plugins.web.table_guard import GuardedDatabase, answer_of, readable

GROWING = frozenset(
    "messages readings value_messages readings_hourly node_daily oddities battery_levels rejects "
    "node_gaps node_radio_daily battery_daily "
    "ups_samples ups_samples_hourly ups_figures ups_figures_hourly ups_minutes polls".split()
)
COUNTED = 10_000  # rows of the others
# Datasette's questions about the schema. They are cheap, whoever asks.
_VALUE = r"('\w+'|\?|:\w+)"
SCHEMA = re.compile(
    rf"pragma (schema_version|database_list);?|select (1|name|sql) from sqlite_master "
    rf"where \w+ ?= ?{_VALUE}( and (\w+ ?= ?{_VALUE}|sql is not null))*",
    re.IGNORECASE,
)
MAX_UNSENT = 12 * 2**20  # bytes of responses; with more of them waiting for slow clients, no more are made
NULL = "null character"
PARAMETER = re.compile(r"[:@$](\w+)")


class SiteDatabase(GuardedDatabase):
    """Datasette's Database for a file that another program fills, and for visitors that may be hostile."""

    def __init__(self, site: Site, path: Path, workers: SqlWorkers) -> None:
        super().__init__(site, path=str(path), is_mutable=True)
        self.workers = workers
        # Half of the threads that read are left to the site's own pages, half of the rest to other visitors.
        threads = max(1, site.setting("num_sql_threads") // 2)
        self._share = FairShare(threads, per_key=max(1, threads // 2))
        self._share_of_large = FairShare(1, per_key=1)  # pages that take 50 MB to make

    async def table_counts(self, limit: int = 10) -> dict[str, int | None]:
        """Table -> rows, None where they are not counted: counting a long table takes a second."""
        tables = await self.table_names()
        return {table: await self._count(table) for table in tables}

    async def _count(self, table: str) -> int | None:
        if table in GROWING or HIDDEN.get(table) == ALL:
            return None
        try:
            rows = f"select 1 from [{table}] limit {COUNTED + 1}"
            count: int = (await self.execute(f"select count(*) from ({rows})")).rows[0][0]
        except QueryInterrupted:
            return None
        return count if count <= COUNTED else None

    async def execute(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        truncate: bool = False,
        custom_time_limit: int | None = None,
        page_size: int | None = None,
        **_: object,  # whether errors are printed: they are not
    ) -> Results:
        """As Datasette's, within what the request of a visitor has left of its time, and perhaps in a worker.

        Only Datasette's own pages call this: those of the site read with `plugins.web.query`.
        """
        options = {"truncate": truncate, "custom_time_limit": custom_time_limit, "page_size": page_size}
        asking = visitor()
        if asking is None or SCHEMA.fullmatch(sql.strip()):
            return await super().execute(sql, params, **options)
        limit_s = min(custom_time_limit or self.ds.sql_time_limit_ms, self.ds.sql_time_limit_ms) / 1000
        deadline = time.monotonic() + limit_s
        # Datasette shows its page without the results of these.
        is_optional = custom_time_limit is not None or sql.startswith("select count(*) ")
        if asking.writes_sql or is_optional:
            deadline = min(deadline, asking.deadline())
        if deadline <= time.monotonic():
            raise QueryInterrupted(TimeoutError(), sql, params)
        try:
            place = await asking.place(self._share_of(asking), deadline)
        except BusyError as error:
            raise QueryInterrupted(error, sql, params) if is_optional else busy_error() from error
        with place:
            if self.ds.unsent.bytes > MAX_UNSENT:
                raise busy_error()
            if not asking.writes_sql:
                left_ms = max(1, int((deadline - time.monotonic()) * 1000))
                return await super().execute(sql, params, **{**options, "custom_time_limit": left_ms})
            max_rows = self._max_rows(page_size) if truncate else None
            values, shown = bound_parameters(sql, params), tuple(readable.get())
            query = Query(sql, values, deadline, max_rows, asking.max_bytes, shown)
            return await self._execute_in_worker(asking, query, truncate)

    def _share_of(self, asking: Visitor) -> FairShare:
        if asking.writes_sql:
            return self.workers.share
        return self._share_of_large if asking.is_large else self._share

    def _max_rows(self, page_size: int | None) -> int:
        """Rows of an answer; one more where a page has as many, since Datasette looks for a next one."""
        most: int = self.ds.max_returned_rows
        return most + ((page_size or self.ds.page_size) == most)

    async def _execute_in_worker(self, asking: Visitor, query: Query, truncate: bool) -> Results:
        answer = await self.workers.run(query)
        if answer.interrupted:
            raise QueryInterrupted(sqlite3.OperationalError(answer.error), query.sql, query.params)
        if answer.error is not None:
            error = sqlite3.OperationalError(answer.error)
            if NULL in answer.error:  # as Python's, of which `request_fault` makes a message
                raise sqlite3.ProgrammingError(answer.error)
            raise answer_of(error) if answer.was_hidden else error
        if answer.was_cut and not (truncate and asking.may_be_cut):
            raise too_large_error(asking.max_bytes)
        rows, description = as_rows(answer.columns, answer.rows)
        return Results(rows, truncate and (answer.has_more or answer.was_cut), description)

    async def read_in_worker(
        self, sql: str, params: Params, limit_s: float, max_rows: int | None = None
    ) -> QueryAnswer:
        """The answer to SQL that users wrote, for a page of the site; failures are answers."""
        asking, deadline = visitor(), time.monotonic() + limit_s
        key = asking.key if asking else ""
        try:
            await self.workers.share.take(key, deadline)
        except BusyError:
            return QueryAnswer(error="too many queries are running", interrupted=True)
        try:
            shown = tuple(readable.get())
            return await self.workers.run(Query(sql, params, deadline, max_rows, MAX_PAGE_BYTES, shown))
        finally:
            self.workers.share.give_back(key)

    def close(self) -> None:
        """End the workers and close the connections."""
        self.workers.close()
        super().close()


def bound_parameters(sql: str, params: Mapping[str, object] | Sequence[object] | None) -> Params:
    """The parameters that the SQL names. Those of canned queries are computed when they are looked up."""
    if not isinstance(params, Mapping):
        return cast(Params, list(params or ()))
    bound = {}
    for name in set(PARAMETER.findall(sql)):
        try:
            bound[name] = params[name]
        except KeyError:
            continue  # SQLite names it, if it is one at all
    return cast(Params, bound)


def as_rows(
    columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> tuple[list[sqlite3.Row], Sequence[tuple[object, ...]]]:
    """The rows as Datasette wants them, and the description of their columns."""
    names = ", ".join('null as "{}"'.format(name.replace('"', '""')) for name in columns)
    with closing(sqlite3.connect(":memory:")) as connection:
        cursor = connection.execute(f"select {names}")
        return [sqlite3.Row(cursor, row) for row in rows], cursor.description
