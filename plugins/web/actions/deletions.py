"""/-/delete: what would go, and the deed behind it, which asks to be confirmed and is done in the background."""

import asyncio
import re
import sqlite3
import time
from functools import partial
from urllib.parse import urlencode

from datasette import Response

from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance.deletion import count, open_update, plan_everything
from ingest.maintenance.retention import plan_before
from plugins.web.actions.action import Done, find_node, perform
from plugins.web.actions.edits import parse_day, start_of
from plugins.web.auth.permissions import has_right, refusal
from plugins.web.forms import RefusedError
from plugins.web.pages.maintenance import wake
from plugins.web.responses import page, refuse, wants_page

HELP = "what is one of node, sensor, requests (with node or sensor) and before (with a date, YYYY-MM-DD)"
COUNT_S, STEPS = 3.0, 10_000  # time that counting may take, looked at every so many steps of SQLite's machine
TRUE = ("1", "true", "on", "yes")


async def delete_page(datasette, request):
    """GET: the plan, as a page or JSON. POST with `confirm=yes`: 202, and the rows go in the background."""
    if request.method == "POST":
        answer = await perform(
            datasette,
            request,
            "delete",
            "maintain",
            partial(place, datasette),
            status=202,
            after="/-/maintenance",
        )
        wake(datasette)
        return answer
    if not has_right(datasette, request.actor, "read"):
        return await refuse(datasette, request, refusal(datasette, request.actor, "read"))
    fields = {
        name: request.args.get(name) or "" for name in ("what", "node", "sensor", "before", "everything")
    }
    try:
        context = await asyncio.to_thread(read_plan, datasette, fields)
    except RefusedError as refused:
        return await refuse(datasette, request, refused)
    if not wants_page(request):
        return Response.json({"ok": True, **context})
    return await page(datasette, request, "pages/-/delete.html", context)


def read_plan(datasette, fields):
    """What would go. Raises RefusedError."""
    connection = connect(datasette.config.database, readonly=True)
    connection.row_factory = sqlite3.Row
    try:
        wanted = read_wanted(connection, fields, datasette.timezone)
        deadline = time.monotonic() + COUNT_S
        connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            rows = _counts(connection, wanted, datasette.timezone)
        except sqlite3.OperationalError:  # the plan then says that it could not count
            rows = None
    finally:
        connection.close()
    shown = {name: value for name, value in fields.items() if value}
    return {**wanted, "rows": rows, "fields": shown, "query": urlencode(shown)}


def _counts(connection, wanted, timezone):
    if wanted["kind"] != "before":
        return [
            {"table": one.table, "rows": one.rows, "about": one.more, "bytes": one.bytes}
            for one in count(connection, wanted["kind"], wanted["key"])
        ]
    rows = [
        {
            "table": item.table,
            "rows": item.rows,
            "about": not item.counted,
            "bytes": item.bytes,
            "from_at": item.from_at,
            "to_at": item.to_at,
        }
        for item in plan_before(connection, parse_utc(wanted["before_at"]))
        if item.rows
    ]
    if wanted["everything"]:
        rows += [
            {"table": one.table, "rows": one.rows, "about": one.more, "bytes": one.bytes}
            for one in plan_everything(connection, wanted["before_at"], timezone)
        ]
    return rows


def read_wanted(connection, fields, timezone):
    """The fields of a form as kind, key, before_at, everything, subject. Raises RefusedError."""
    wrong = [name for name, value in fields.items() if not isinstance(value, str)]
    if wrong:
        raise RefusedError(400, f"{wrong[0]} is a text, not a file")
    what = fields.get("what", "").strip()
    wanted = {
        "kind": what,
        "key": None,
        "before_at": None,
        "everything": fields.get("everything", "").strip() in TRUE,
    }
    if what in ("node", "requests"):
        id, name, gateway, number = tuple(find_node(connection, fields.get("node", "")))
        wanted |= {"key": id, "back": f"/nodes/{gateway}/{number}"}
        subject = f"{name} ({gateway}/{number})"
        wanted["subject"] = subject if what == "node" else f"requests of {subject}"
    elif what == "sensor":
        wanted |= _find_sensor(connection, fields.get("sensor", "").strip())
    elif what == "before":
        text = fields.get("before", "").strip()
        if not text:
            raise RefusedError(400, "before is needed: a date, YYYY-MM-DD")
        try:
            _, day = parse_day(text, timezone)
        except ValueError as error:
            raise RefusedError(400, str(error).replace("date is", "before is")) from None
        also = ", with what is rolled up and events" if wanted["everything"] else ""
        wanted |= {
            "before_at": start_of(day, timezone),
            "subject": f"everything before {day}{also}",
            "back": "/-/maintenance",
        }
    else:
        raise RefusedError(400, HELP)
    return wanted


def _find_sensor(connection, text):
    if not re.fullmatch(r"\d{1,12}", text, re.ASCII):
        raise RefusedError(400, "sensor is needed: an id of the table sensors")
    row = connection.execute(
        "select s.id, s.name, g.name, n.node_id from sensors s join nodes n on n.id = s.node "
        "join gateways g on g.id = n.gateway where s.id = ?",
        (int(text),),
    ).fetchone()
    if row is None:
        raise RefusedError(404, f"No sensor {text}: the table sensors has no such id")
    id, name, gateway, number = tuple(row)
    return {
        "key": id,
        "subject": f"sensor {name} ({gateway}/{number}/{id % 256})",
        "back": f"/nodes/{gateway}/{number}",
    }


def place(datasette, connection, fields, actor):
    """Queue the deletion. Raises RefusedError."""
    wanted = read_wanted(connection, fields, datasette.timezone)
    subject = wanted["subject"]
    if fields.get("confirm", "").strip() not in TRUE:
        raise RefusedError(
            400,
            f"This cannot be undone: look at GET /-/delete first, then send confirm=yes to delete {subject}",
            subject=subject,
        )
    if wanted["kind"] == "node" and (update := open_update(connection, wanted["key"])):
        raise RefusedError(
            409, f"Update {update} of {subject} is under way: cancel it first", subject=subject
        )
    twice = connection.execute(
        "select id from deletions where state in ('queued', 'running') and kind = ? and key is ? and before_at is ? and everything = ?",
        (wanted["kind"], wanted["key"], wanted["before_at"], int(wanted["everything"])),
    ).fetchone()
    if twice:
        raise RefusedError(409, f"{subject} is being deleted already", subject=subject)
    number = connection.execute(
        "insert into deletions (kind, key, before_at, everything, subject, requested_at, requested_by) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        (
            wanted["kind"],
            wanted["key"],
            wanted["before_at"],
            int(wanted["everything"]),
            subject,
            format_utc(time.time()),
            actor,
        ),
    ).lastrowid
    return Done(f"{subject} is being deleted", subject, {"deletion": number})
