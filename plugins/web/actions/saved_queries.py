"""/-/saved-queries: queries that users keep under a name are saved, changed and deleted."""

import sqlite3
import time
from collections.abc import Awaitable, Callable

from datasette import Request, Response

from ingest.db.time import format_utc
from ingest.orders.outcome import Done, RefusedError
from plugins.web.actions.action import Action, Submission
from plugins.web.app.query_bounds import collapse
from plugins.web.auth.permissions import SIGN_IN, SQL_IS_OFF, may_write_sql, require
from plugins.web.compat import written_queries
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields
from plugins.web.query import DATABASE
from plugins.web.saved_queries import TOPIC, explain
from plugins.web.site import Site
from reporting.saved_queries import (
    LONGEST_DESCRIPTION,
    LONGEST_SQL,
    LONGEST_TITLE,
    MOST,
    NAME_HELP,
    SavedQuery,
    find_problems,
    name_of,
    trim_sql,
)

LIST = "/telemetry#saved"
TAKEN = "select type from sqlite_master where type in ('table', 'view') and lower(name) = ?"
STORED = "select name, title, description, sql, updated_at, updated_by from saved_queries where name = ?"


def address_of_query(name: str) -> str:
    """The page of a query."""
    return f"/{DATABASE}/{name}"


def _title(fields: Fields) -> str:
    return " ".join(fields.text("title").split())


def _sql(fields: Fields) -> str:
    sql = fields.raw("sql")
    # Before it is collapsed: what is left out there counts, too.
    if len(sql) > LONGEST_SQL:
        raise RefusedError(400, f"sql has {len(sql)} characters: {LONGEST_SQL} are taken")
    return trim_sql(collapse(sql))


async def _check(site: Site, query: SavedQuery) -> SavedQuery:
    """The query, which can be saved and which SQLite understands. Raises RefusedError."""
    problems = tuple(find_problems(query))
    if problems:
        raise RefusedError(400, *problems, subject=query.name)
    if problem := await explain(site, query):
        raise RefusedError(400, f"sql cannot be run: {problem}", subject=query.name, field="sql")
    return query


def _new_query(site: Site) -> Callable[[Fields], Awaitable[SavedQuery]]:
    """Reads a new query of a form."""

    async def read(fields: Fields) -> SavedQuery:
        title = _title(fields)
        name = fields.text("name").lower() or name_of(title)
        if not name:
            text = f"name is needed: {NAME_HELP}" if title else "title is needed: what pages call the query"
            raise RefusedError(400, text, field="name" if title else "title")
        if not fields.text("sql"):
            raise RefusedError(400, "sql is needed: a query that begins with select or with")
        text = fields.text("description").replace("\r\n", "\n")
        return await _check(site, SavedQuery(name, title or name, text, _sql(fields)))

    return read


def _changed_query(site: Site, name: str) -> Callable[[Fields], Awaitable[SavedQuery]]:
    """Reads what a form changes of a query: each field that it has."""

    async def read(fields: Fields) -> SavedQuery:
        if not any(field in fields for field in ("title", "description", "sql")):
            raise RefusedError(400, "title, description or sql is needed", subject=name)
        stored = await site.get_database(DATABASE).execute_fn(lambda connection: _find(connection, name))
        if stored is None:
            raise RefusedError(404, f"There is no saved query {name}", subject=name)
        changed: SavedQuery = stored._replace(
            title=_title(fields) if "title" in fields else stored.title,
            description=fields.text("description").replace("\r\n", "\n")
            if "description" in fields
            else stored.description,
            sql=_sql(fields) if "sql" in fields else stored.sql,
        )
        return await _check(site, changed)

    return read


def _find(connection: sqlite3.Connection, name: str) -> SavedQuery | None:
    row = connection.execute(STORED, (name,)).fetchone()
    return SavedQuery(*row) if row else None


def _create(connection: sqlite3.Connection, form: Submission[SavedQuery]) -> Done:
    query, at = form.prepared, format_utc(time.time())
    if query.name in written_queries(form.site):
        raise RefusedError(409, f"name {query.name} is that of a query of Voltkeeper", subject=query.name)
    if kind := connection.execute(TAKEN, (query.name,)).fetchone():
        raise RefusedError(409, f"name {query.name} is that of a {kind[0]}", subject=query.name)
    if _find(connection, query.name):
        text = f"name {query.name} is that of another saved query: change that one, or take another name"
        raise RefusedError(409, text, subject=query.name)
    count = connection.execute("select count(*) from saved_queries").fetchone()[0]
    if count >= MOST:
        text = f"There are {count} saved queries, the most that are kept: delete one that is not needed"
        raise RefusedError(409, text, subject=query.name)
    connection.execute(
        """insert into saved_queries (name, title, description, sql, created_at, created_by, updated_at,
        updated_by) values (?, ?, ?, ?, ?, ?, ?, ?)""",
        (query.name, query.title, query.description, query.sql, at, form.actor, at, form.actor),
    )
    return _done(query, "saved")


def _replace(connection: sqlite3.Connection, form: Submission[SavedQuery]) -> Done:
    query = form.prepared
    changed = connection.execute(
        """update saved_queries set title = ?, description = ?, sql = ?, updated_at = ?, updated_by = ?
        where name = ?""",
        (query.title, query.description, query.sql, format_utc(time.time()), form.actor, query.name),
    )
    if not changed.rowcount:  # it was deleted while its SQL was checked
        raise RefusedError(404, f"There is no saved query {query.name}", subject=query.name)
    return _done(query, "changed")


def _done(query: SavedQuery, what: str) -> Done:
    href = address_of_query(query.name)
    data = {"name": query.name, "href": href, "params": list(query.params)}
    return Done(f"The query {query.title} is {what}", query.name, data, page=href)


def _delete(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    name = form.path["name"]
    if not connection.execute("delete from saved_queries where name = ?", (name,)).rowcount:
        raise RefusedError(404, f"There is no saved query {name}", subject=name)
    return Done(f"The saved query {name} is deleted", name, {"name": name}, page=LIST)


def _require_sql(site: Site, request: Request) -> None:
    """Raise RefusedError for a user who may edit, but whose own SQL is not run: here it would be."""
    require(site, request.actor, "edit")
    if not may_write_sql(site, request.actor):
        raise RefusedError(403, SQL_IS_OFF if request.actor else SIGN_IN)


async def create(datasette: Site, request: Request) -> Response:
    """Fields `name`, `title`, `description`, `sql`."""
    if request.method == "POST":
        _require_sql(datasette, request)
    action = Action("save query", "edit", _create, 201, LIST, topics=(TOPIC,), prepare=_new_query(datasette))
    return await action.post(datasette, request)


async def replace(datasette: Site, request: Request) -> Response:
    """Fields `title`, `description`, `sql`: what is there is replaced."""
    if request.method == "POST":
        _require_sql(datasette, request)
    prepare = _changed_query(datasette, request.url_vars["name"])
    action = Action("change query", "edit", _replace, after=LIST, topics=(TOPIC,), prepare=prepare)
    return await action.post(datasette, request)


DELETE = Action(
    "delete query",
    "edit",
    _delete,
    after=LIST,
    topics=(TOPIC,),
    asks=lambda _: "Delete this saved query? Cards that show it will say that it is gone.",
)
FIELDS = {
    "title": f"what pages call it, at most {LONGEST_TITLE} characters",
    "description": f"what its rows are, at most {LONGEST_DESCRIPTION} characters",
    "sql": f"a select, at most {LONGEST_SQL} characters; a word after a colon, such as :node, is a parameter",
}
AT = {"NAME": "{saved_query}"}

ROUTES = (
    documented_route(
        r"^/-/saved-queries$",
        create,
        Endpoint(
            "Save a query",
            f"A row of saved_queries, at most {MOST}. It is at /telemetry/NAME, as JSON and CSV, too.",
            "POST",
            "edit",
            {"name": f"{NAME_HELP}; made of the title unless given", **FIELDS},
            {
                "title": "Cold nights",
                "sql": "select name, value from value_latest where type = 'V_TEMP' and value < :limit",
            },
            statuses=(201,),
        ),
    ),
    documented_route(
        r"^/-/saved-queries/(?P<name>[a-z0-9_-]{1,40})$",
        replace,
        Endpoint(
            "Change a saved query",
            "What is given is replaced.",
            "POST",
            "edit",
            FIELDS,
            {"title": "Cold nights in the cellar"},
            at=AT,
            statuses=(200,),
        ),
    ),
    documented_route(
        r"^/-/saved-queries/(?P<name>[a-z0-9_-]{1,40})/delete$",
        DELETE.post,
        Endpoint("Delete a saved query", "", "POST", "edit", at=AT),
    ),
)
