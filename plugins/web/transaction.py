"""Writing from the site: one transaction on Datasette's writing thread, with a row of `audit`."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from ingest.db.connection import transaction
from ingest.orders.audit import note_refusal
from ingest.orders.outcome import RefusedError
from plugins.web.query import DATABASE
from plugins.web.site import Site
from plugins.web.table_guard import open_tables

T = TypeVar("T")


async def transact(site: Site, function: Callable[[sqlite3.Connection], T]) -> T:
    """`function(connection)` in one transaction. Raises what it raises, after a rollback."""

    def inner(connection: sqlite3.Connection) -> T | RefusedError:
        try:
            with transaction(connection):
                return function(connection)
        except RefusedError as refused:  # handed over as a value: the writing thread prints what is raised
            return refused

    result: T | RefusedError = await site.get_database(DATABASE).execute_write_fn(inner)
    if isinstance(result, RefusedError):
        raise result
    return result


def audit_refusal(
    connection: sqlite3.Connection,
    actor: str | None,
    action: str,
    subject: str = "",
    detail: str = "",
    *,
    outcome: str,
) -> None:
    """Insert a row of `audit` for what was refused, or count it in the row of one like it."""
    with open_tables(connection, "audit"):
        note_refusal(connection, actor, action, subject, detail, outcome=outcome)
