"""/-/delete: what a deletion would remove, and the action, which is confirmed and done in the background."""

import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from ingest.maintenance.deletion_plan import RowCount, count, open_update, plan_everything
from ingest.maintenance.retention import plan_before
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import SENSOR_HELP, find_node, find_sensor
from plugins.web.actions.action import Action, Submission
from plugins.web.actions.edits import parse_day, start_of
from plugins.web.actions.planned import PlannedAction
from plugins.web.endpoint import Endpoint, Json, documented_route
from plugins.web.forms import Fields
from plugins.web.site import Site

HELP = "what is one of node, sensor, requests (with node or sensor) and before (with a date, YYYY-MM-DD)"
FIELDS = ("what", "node", "sensor", "before", "everything")
COUNT_S = 3.0  # that counting rows may take
COUNT_STEPS = 10_000  # of SQLite's virtual machine between looks at the clock


@dataclass(frozen=True)
class Target:
    """What is to be deleted: `kind` and `key` as in the table `deletions`; `back` is a page."""

    kind: str
    key: int | None
    before_at: str | None
    everything: bool
    subject: str
    back: str


def read_target(connection: sqlite3.Connection, fields: Fields, timezone: str) -> Target:
    """What the fields of a form mean. Raises RefusedError."""
    kind, everything = fields.text("what"), fields.is_yes("everything")
    if kind in ("node", "requests"):
        node = find_node(connection, fields.text("node"))
        subject = node.label if kind == "node" else f"requests of {node.label}"
        return Target(kind, node.id, None, everything, subject, f"/nodes/{node.gateway}/{node.node_id}")
    if kind == "sensor":
        return _sensor_target(connection, fields.text("sensor"), everything)
    if kind == "before":
        _, day = parse_day(fields.required("before", "a date, YYYY-MM-DD"), timezone, "before")
        extent = ", with hourly and daily figures and events" if everything else ""
        subject = f"everything before {day}{extent}"
        return Target(kind, None, start_of(day, timezone), everything, subject, "/-/maintenance")
    raise RefusedError(400, HELP)


def _sensor_target(connection: sqlite3.Connection, text: str, everything: bool) -> Target:
    sensor = find_sensor(connection, text)
    back = f"/nodes/{sensor.gateway}/{sensor.node_id}"
    return Target("sensor", sensor.id, None, everything, f"sensor {sensor.label}", back)


def read_plan(site: Site, fields: Fields) -> Json:
    """What would be deleted, for programs and the page. Raises RefusedError.

    `rows` is None where counting took too long.
    """
    rows = None
    with closing(connect(site.config.database, readonly=True)) as connection:
        connection.row_factory = sqlite3.Row
        target = read_target(connection, fields, site.timezone)
        deadline = time.monotonic() + COUNT_S
        connection.set_progress_handler(lambda: time.monotonic() > deadline, COUNT_STEPS)
        with suppress(sqlite3.OperationalError):
            rows = _count_rows(connection, target, site.timezone)
    given = fields.given(*FIELDS)
    return {**vars(target), "rows": rows, "fields": given, "query": urlencode(given)}


def _count_rows(connection: sqlite3.Connection, target: Target, timezone: str) -> list[Json]:
    if target.key is not None:
        return [_count_row(one) for one in count(connection, target.kind, target.key)]
    assert target.before_at is not None, "a target has a key or a time"
    rows: list[Json] = [
        {
            "table": item.table,
            "rows": item.rows,
            "about": not item.counted,
            "bytes": item.bytes,
            "from_at": item.from_at,
            "to_at": item.to_at,
        }
        for item in plan_before(connection, parse_utc(target.before_at))
        if item.rows
    ]
    if target.everything:
        rows += [_count_row(one) for one in plan_everything(connection, target.before_at, timezone)]
    return rows


def _count_row(one: RowCount) -> Json:
    return {"table": one.table, "rows": one.rows, "about": one.more, "bytes": one.bytes}


def _place(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Queue the deletion. Raises RefusedError."""
    target = read_target(connection, form.fields, form.site.timezone)
    subject = target.subject
    if not form.fields.is_yes("confirm"):
        raise RefusedError(
            400,
            f"This cannot be undone: look at GET /-/delete first, then send confirm=yes to delete {subject}",
            subject=subject,
        )
    if target.kind == "node" and target.key is not None and (update := open_update(connection, target.key)):
        raise RefusedError(
            409, f"Update {update} of {subject} is under way: cancel it first", subject=subject
        )
    thing = (target.kind, target.key, target.before_at, int(target.everything))
    under_way = connection.execute(
        "select id from deletions where state in ('queued', 'running') "
        "and kind = ? and key is ? and before_at is ? and everything = ?",
        thing,
    ).fetchone()
    if under_way:
        raise RefusedError(409, f"{subject} is being deleted already", subject=subject)
    number = connection.execute(
        "insert into deletions (kind, key, before_at, everything, subject, requested_at, requested_by) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        (*thing, subject, format_utc(time.time()), form.actor),
    ).lastrowid
    return Done(f"{subject} is being deleted", subject, {"deletion": number})


DELETE = Action("delete", "maintain", _place, status=202, after="/-/maintenance")


PLANNED = PlannedAction(DELETE, FIELDS, read_plan, "pages/-/delete.html")

_FIELDS = {
    "what": "node, sensor, requests (a node's own questions) or before",
    "node": "id of the table nodes, or GATEWAY/NODE_ID",
    "sensor": SENSOR_HELP,
    "before": "a date, YYYY-MM-DD",
    "everything": "1: also hourly and daily figures and events",
}

ROUTES = (
    documented_route(
        r"^/-/delete$",
        PLANNED.handle,
        Endpoint(
            "What a deletion would remove",
            "Programs that do not ask for HTML get JSON.",
            fields=_FIELDS,
            example={"what": "node", "node": "{node}"},
            answer="page",
        ),
        Endpoint(
            "Delete a node, a sensor, requests or old data",
            "Rows are deleted in the background; see the table deletions.",
            "POST",
            "maintain",
            _FIELDS | {"confirm": "yes"},
            {"what": "before", "before": "2020-01-01", "confirm": "yes"},
        ),
    ),
)
