"""A deed is a POST that writes: right, form, one transaction with its audit row, answer. Refusals are audited too."""

import json
import logging
import sqlite3
from typing import NamedTuple

from datasette import Response

from ingest.db.changes import raise_topics
from ingest.db.connection import begin
from plugins.web.auth.permissions import require
from plugins.web.forms import MAX_BODY, RefusedError, read_form
from plugins.web.query import DATABASE
from plugins.web.responses import back, refuse, wants_page

DETAIL = 500  # characters of the fields that an audit row keeps

log = logging.getLogger(__name__)


class Done(NamedTuple):
    """What a deed answers: a sentence, what it was done to, data for programs, a status other than the usual one."""

    message: str
    subject: str
    data: dict
    status: int | None = None


async def perform(
    datasette, request, action, right, deed, status=200, limit=MAX_BODY, after="/", prepare=None
):
    """Do `deed(connection, fields, actor) -> Done` for who may. It raises RefusedError and writes nothing then.

    What takes long is done by `await prepare(fields)`, before the database is locked; it may raise RefusedError too.
    """
    actor, fields = request.actor, {}
    try:
        if request.method != "POST":
            raise RefusedError(405, f"Send a POST to {request.path}", headers={"allow": "POST"})
        require(datasette, actor, right)
        fields = (await read_form(request, limit))._values
        wanted = fields.pop("next", None)
        if prepare is not None:
            await prepare(fields)
        done = await _write(datasette, actor["id"], action, deed, fields)
    except RefusedError as error:
        if actor and request.method == "POST":
            await _audit_refusal(datasette, actor["id"], action, fields, error)
        return await refuse(datasette, request, error)
    except sqlite3.OperationalError as error:
        log.error("%s by %s failed: %s", action, actor["id"], error)
        text = f"The database could not be written ({error}). Nothing was changed, try again."
        return await refuse(datasette, request, RefusedError(503, text))
    log.info("%s by %s: %s", action, actor["id"], done.message)
    if not wants_page(request):
        return Response.json({"ok": True, "message": done.message, **done.data}, status=done.status or status)
    datasette.add_message(request, done.message, datasette.INFO)
    return Response.redirect(back(request, after, wanted))


async def _write(datasette, actor, action, deed, fields):
    def write(connection):
        done = deed(connection, fields, actor)
        audit(connection, actor, action, done.subject, detail(fields), "done")
        return done

    return await transact(datasette, write)


async def _audit_refusal(datasette, actor, action, fields, refused):
    outcome = "refused: " + "; ".join(refused.errors)
    log.warning("%s by %s %s", action, actor, outcome)
    try:
        await transact(
            datasette, lambda conn: audit(conn, actor, action, refused.subject, detail(fields), outcome)
        )
    except sqlite3.OperationalError as error:
        log.error("no audit row for this refusal: %s", error)


async def transact(datasette, function):
    """`function(connection)` in one transaction on Datasette's writing thread."""

    def inner(connection):
        begin(connection)
        try:
            result = function(connection)
        except RefusedError as refused:  # handed over as a value: the writing thread prints what is raised
            connection.rollback()
            return refused
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        return result

    result = await datasette.get_database(DATABASE).execute_write_fn(inner)
    if isinstance(result, RefusedError):
        raise result
    return result


def audit(connection, actor, action, subject, detail, outcome):
    connection.execute(
        "insert into audit (actor, action, subject, detail, outcome) values (?, ?, ?, ?, ?)",
        (actor, action, subject, detail, outcome),
    )


def raise_topic(connection, topic):
    """Tell pages that rows of this topic changed."""
    raise_topics(connection, (topic,))


def detail(fields):
    """The fields of a form in one line for the audit; of a file only its name and size."""
    plain = {
        name: value if isinstance(value, str) else f"{value.filename}, {len(value.content)} bytes"
        for name, value in fields.items()
    }
    return json.dumps(plain, ensure_ascii=False)[:DETAIL] if plain else ""


def find_node(connection, text):
    """The row of `nodes` (id, name, gateway, node_id) for an id or `GATEWAY/NODE_ID`. Raises RefusedError."""
    gateway, slash, number = str(text).strip().rpartition("/")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise RefusedError(400, "node is needed: an id of the table nodes, or GATEWAY/NODE_ID")
    sql = "select n.id, n.name, g.name as gateway, n.node_id from nodes n join gateways g on g.id = n.gateway where "
    if slash:
        row = connection.execute(sql + "g.name = ? and n.node_id = ?", (gateway, int(number))).fetchone()
    else:
        row = connection.execute(sql + "n.id = ?", (int(number),)).fetchone()
    if row is None:
        raise RefusedError(404, f"No node {text}: the table nodes has no such id")
    return row


def find_ups(connection, text):
    """The row of `ups` (id, name) for a name or an id. Raises RefusedError."""
    text = str(text).strip()
    if not text:
        raise RefusedError(400, "ups is needed: a name such as rack@closet, or an id of the table ups")
    row = connection.execute("select id, name from ups where name = ?", (text,)).fetchone()
    if row is None and text.isascii() and text.isdigit() and len(text) <= 9:
        row = connection.execute("select id, name from ups where id = ?", (int(text),)).fetchone()
    if row is None:
        raise RefusedError(404, f"No UPS {text}: the table ups has no such name or id")
    return row
