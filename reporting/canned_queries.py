"""The canned queries of metadata.yml, and how they are run over a plain connection."""

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ingest.yaml_files import read_yaml

METADATA = Path(__file__).parents[1] / "metadata.yml"
DATABASE = "telemetry"
CHECK_EVERY = 1000  # instructions of SQLite between two looks at the clock

Row: TypeAlias = dict[str, Any]  # Any: a column is whatever SQLite gives
Rows: TypeAlias = list[Row] | None  # None: the query took too long
Params: TypeAlias = Mapping[str, Any] | Sequence[Any]  # Any: whatever SQLite takes
# Newer versions of SQLite (3.53) report an interrupt so that comes while they look up the columns of a view.
INTERRUPTED = re.compile(r"interrupted|expected \d+ columns for '' but got \d+")


def is_interrupt(error: sqlite3.OperationalError) -> bool:
    """True for the error of a query that a time limit ended."""
    return bool(INTERRUPTED.fullmatch(str(error)))


class CannedQuery(NamedTuple):
    """A query; parameters that are left out are empty, which means "all" or a default.

    `fragment` says how it is drawn (`reporting.charts.from_rows`); one that `writes` changes rows.
    """

    sql: str
    params: tuple[str, ...]
    title: str = ""
    fragment: str = ""
    writes: bool = False

    def fill(self, given: Mapping[str, Any]) -> dict[str, Any]:  # Any: values that SQLite takes
        """The parameters to run it with."""
        return {**dict.fromkeys(self.params, ""), **given}


def parse_queries(queries: Mapping[str, Any]) -> dict[str, CannedQuery]:  # Any: YAML
    """The entries under `queries:` of metadata.yml by name. Any: YAML."""
    return {
        name: CannedQuery(
            query["sql"],
            tuple(query.get("params") or ()),
            query.get("title") or name,
            query.get("fragment") or "",
            bool(query.get("write")),
        )
        for name, query in queries.items()
    }


def load_queries(path: Path = METADATA) -> dict[str, CannedQuery]:
    """The canned queries of a metadata file by name."""
    metadata = read_yaml(path)
    return parse_queries(metadata["databases"][DATABASE]["queries"])


class QueryReader:
    """Runs queries over one connection that has the SQL functions, for `limit_s` seconds each at most."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        queries: Mapping[str, CannedQuery],
        limit_s: float | None = None,
    ) -> None:
        self._connection, self._queries, self._limit_s = connection, queries, limit_s

    def run(self, name: str, params: Mapping[str, Any]) -> Rows:  # Any: values that SQLite takes
        """Rows of a canned query; None when it took too long."""
        query = self._queries[name]
        return self.select(query.sql, query.fill(params))

    def select(self, sql: str, params: Params = (), most: int | None = None) -> Rows:
        """Rows of a query, the first `most`; None when it took too long."""
        try:
            with self._time_limit():
                cursor = self._connection.execute(sql, params)
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in islice(cursor, most)]
        except sqlite3.OperationalError as error:
            if not is_interrupt(error):
                raise
            return None

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        if self._limit_s is None:
            yield
            return
        deadline = time.monotonic() + self._limit_s
        self._connection.set_progress_handler(lambda: int(time.monotonic() >= deadline), CHECK_EVERY)
        try:
            yield
        finally:
            self._connection.set_progress_handler(None, 0)
