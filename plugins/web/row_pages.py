"""Pages of 100 rows for the results of queries, which Datasette shows on one page."""

import sqlite3
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass

from datasette import Request
from datasette.database import Results
from datasette.utils import path_with_replaced_args

ROWS = 100
PARAMETER = "_page"


@dataclass
class RowPage:
    """The page that is asked for, and what the query has found."""

    number: int  # from 1
    total: int = 0  # rows of all pages
    truncated: bool = False  # there are more rows than the total
    rows: Sequence[sqlite3.Row] = ()  # of all pages, for what is drawn of them

    @property
    def first(self) -> int:
        """The number of the first row, from 1."""
        return (self.number - 1) * ROWS + 1

    @property
    def last(self) -> int:
        """The number of the last row."""
        return min(self.number * ROWS, self.total)

    @property
    def has_more(self) -> bool:
        """True where rows follow."""
        return self.last < self.total

    def cut(self, results: Results) -> Results:
        """The rows of this page; the last one where there are not as many."""
        self.rows, self.total, self.truncated = results.rows, len(results.rows), results.truncated
        self.number = min(self.number, max(1, -(-self.total // ROWS)))
        results.rows = results.rows[self.first - 1 : self.last]
        return results


row_page: ContextVar[RowPage | None] = ContextVar("row_page", default=None)


def page_address(request: Request, number: int) -> str:
    """The address of another page of the same query."""
    address: str = path_with_replaced_args(request, {PARAMETER: str(number) if number > 1 else None})
    return address
