"""Saved queries as the site serves them: as canned queries, whose SQL runs as that of their reader."""

import sqlite3
from collections.abc import Mapping

from plugins.web.app.sql_workers.wire import QueryAnswer
from plugins.web.compat import described_tables, written_queries
from plugins.web.endpoint import Json
from plugins.web.query import DATABASE, select
from plugins.web.site import Site
from reporting.saved_queries import NAME, SavedQuery

TOPIC = "saved_queries"  # of the table `changes`, which every action on them raises
KEPT = "saved_queries"  # in the cache of the site: (seq of the topic, queries)
SEQ = f"select seq from changes where topic = '{TOPIC}'"
# A later version of the program may bring a table of the same name, which then goes before.
STORED = """select name, title, description, sql, updated_at, updated_by from saved_queries
where name not in (select lower(name) from sqlite_master where type in ('table', 'view'))
order by title, name"""


async def saved_queries(site: Site) -> Mapping[str, SavedQuery]:
    """Name -> query, by title. They are read again when one was changed; empty while the file is not read.

    One that has the name of a canned query of metadata.yml, or of a table, is left out.
    """
    if DATABASE not in site.databases:
        return {}
    kept: tuple[int | None, Mapping[str, SavedQuery]] = site.cache.get(KEPT, (None, {}))
    seq, known = kept
    rows = await select(site, SEQ)
    if rows is None:
        return known
    now = rows[0]["seq"] if rows else 0
    if now == seq:
        return known
    found = await select(site, STORED)
    if found is None:
        return known
    shipped = written_queries(site)
    queries = {row["name"]: SavedQuery(**row) for row in found if row["name"] not in shipped}
    site.cache[KEPT] = (now, queries)
    return queries


async def is_reading_query(site: Site, name: str) -> bool:
    """True for the name of a canned query of metadata.yml, and of one that users saved.

    While the database cannot be read it is taken for one: Datasette answers with the error.
    """
    if name in written_queries(site):
        return True
    if not NAME.fullmatch(name) or name in described_tables(site):
        return False
    try:
        return name in await saved_queries(site)
    except sqlite3.DatabaseError:
        return True


def as_canned_query(query: SavedQuery) -> Json:
    """A saved query as Datasette takes it; `saved` tells it from those of metadata.yml."""
    return {
        "title": query.title,
        "description": query.description,
        "sql": query.sql,
        "params": list(query.params),
        "hide_sql": True,
        "saved": True,
        "updated_at": query.updated_at,
        "updated_by": query.updated_by,
    }


async def run_saved(
    site: Site, sql: str, params: Mapping[str, str], limit_ms: int, most: int | None = None
) -> QueryAnswer:
    """The answer to SQL that users wrote, with the rights of the request at hand and in a worker for SQL."""
    if not site.has_config:  # a plain Datasette, which has no workers: it runs all SQL itself
        return await _run_plainly(site, sql, params, limit_ms)
    answer: QueryAnswer = await site.get_database(DATABASE).read_in_worker(sql, params, limit_ms / 1000, most)
    return answer


async def _run_plainly(site: Site, sql: str, params: Mapping[str, str], limit_ms: int) -> QueryAnswer:
    rows = await select(site, sql, params, limit_ms)
    if rows is None:
        return QueryAnswer(error="interrupted", interrupted=True)
    return QueryAnswer(tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


async def explain(site: Site, query: SavedQuery) -> str | None:
    """Why SQLite does not take the SQL of a query, without running it; None where it does."""
    params = dict.fromkeys(query.params, "")
    answer = await run_saved(site, f"explain {query.sql}", params, site.sql_time_limit_ms)
    if answer.was_hidden:
        return "it reads a table that is not shown"
    return "its plan took too long to be made" if answer.interrupted else answer.error
