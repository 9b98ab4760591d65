"""/-/replace: what the replacement of a node or a child would move, the action, and taking it back."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from datasette import Request, Response

from ingest.db.connection import Row, connect, dict_rows
from ingest.db.time import format_utc
from ingest.maintenance.replacement_plan import (
    STAYS,
    child_moves,
    count_moved,
    made_final,
    why_not,
    why_not_retried,
    why_not_reverted,
)
from ingest.orders.numbers import whole_number
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import NODE_HELP, SENSOR_HELP, find_node, find_sensor
from plugins.web.actions.action import Action, Submission
from plugins.web.actions.deletions import COUNT_S, COUNT_STEPS
from plugins.web.actions.planned import PlannedAction, post_and_wake
from plugins.web.endpoint import Endpoint, Json, documented_route
from plugins.web.forms import Fields
from plugins.web.site import Site

FIELDS = ("node", "sensor", "by")
MAX_CHILD = 254
HELP = "which one? Give node, or sensor for one child of a node, and by, what it is replaced by"


@dataclass(frozen=True)
class ReplacementTarget:
    """A replacement as a form names it; nodes are `nodes.id`, `back` is a page."""

    old_node: int
    new_node: int
    old_child_id: int | None
    new_child_id: int | None
    subject: str
    back: str

    @property
    def row(self) -> Row:
        """As a row of `node_replacements`."""
        return {name: value for name, value in vars(self).items() if name != "back"}


def read_target(connection: sqlite3.Connection, fields: Fields) -> ReplacementTarget:
    """What the fields of a form mean. Raises RefusedError."""
    by = fields.required("by", "what it is replaced by: a node as GATEWAY/NODE_ID, a child with /CHILD_ID")
    if fields.text("sensor"):
        sensor = find_sensor(connection, fields.text("sensor"))
        old, (new, child, label) = sensor.id // 256, _new_child(connection, by)
        subject, back = f"{sensor.label} by {label}", f"/nodes/{sensor.gateway}/{sensor.node_id}"
        return ReplacementTarget(old, new, sensor.child_id, child, subject, back)
    if not fields.text("node"):
        raise RefusedError(400, HELP)
    node, by_node = find_node(connection, fields.text("node")), find_node(connection, by)
    back = f"/nodes/{node.gateway}/{node.node_id}"
    return ReplacementTarget(node.id, by_node.id, None, None, f"{node.label} by {by_node.label}", back)


def _new_child(connection: sqlite3.Connection, text: str) -> tuple[int, int, str]:
    """(nodes.id, child id, its name) of GATEWAY/NODE_ID/CHILD_ID, heard or not, or of an id of sensors."""
    node_text, slash, digits = text.strip().rpartition("/")
    if not slash:
        sensor = find_sensor(connection, text)
        return sensor.id // 256, sensor.child_id, sensor.label
    child = whole_number(digits, digits=3)
    if child is None or child > MAX_CHILD or "/" not in node_text:
        raise RefusedError(400, f"by is {text.strip()}: {SENSOR_HELP}; a child id is 0 to {MAX_CHILD}")
    node = find_node(connection, node_text)
    return node.id, child, f"child {child} of {node.label}"


def read_plan(site: Site, fields: Fields) -> Json:
    """What would move, for programs and the page. Raises RefusedError.

    `rows` is None where counting took too long.
    """
    rows = None
    with closing(connect(site.config.database, readonly=True)) as connection:
        connection.row_factory = sqlite3.Row
        target = read_target(connection, fields)
        connection.row_factory = None
        refusal, final = why_not(connection, target.row), made_final(connection, target.row)
        children = [
            {"name": one.name, "from": one.old % 256, "to": one.new % 256, "outcome": one.outcome}
            | {"reason": one.reason}
            for one in child_moves(connection, target.row)
        ]
        deadline = time.monotonic() + COUNT_S
        connection.set_progress_handler(lambda: time.monotonic() > deadline, COUNT_STEPS)
        with suppress(sqlite3.OperationalError):
            rows = [
                {"table": one.table, "rows": one.rows, "about": one.more, "bytes": one.bytes}
                for one in count_moved(connection, target.row)
            ]
    given = fields.given(*FIELDS)
    plan = {**vars(target), "children": children, "rows": rows, "refusal": refusal, "made_final": final}
    stays = sum(one["outcome"] == STAYS for one in children)
    return {**plan, "stays": stays, "fields": given, "query": urlencode(given)}


def _place(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Queue the replacement. Raises RefusedError."""
    target = read_target(connection, form.fields)
    refusal = why_not(connection, target.row)
    if refusal:
        raise RefusedError(409, f"{target.subject}: {refusal}", subject=target.subject)
    if not form.fields.is_yes("confirm"):
        raise RefusedError(
            400,
            f"Look at GET /-/replace first, then send confirm=yes to replace {target.subject}",
            subject=target.subject,
        )
    values = {**target.row, "requested_by": form.actor, "requested_at": format_utc(time.time())}
    number = connection.execute(
        f"insert into node_replacements ({', '.join(values)}) values ({', '.join('?' * len(values))})",
        tuple(values.values()),
    ).lastrowid
    return Done(f"Being replaced: {target.subject}", target.subject, {"replacement": number})


def _placed(
    connection: sqlite3.Connection,
    form: Submission[None],
    refuse: Callable[[sqlite3.Connection, Row], str | None],
    problem: str,
) -> Row:
    """The replacement that a form is about, where `refuse` has nothing against it. Raises RefusedError."""
    found = next(
        iter(dict_rows(connection, "select * from node_replacements where id = ?", (form.id,))), None
    )
    if found is None:
        raise RefusedError(404, f"There is no replacement {form.id}")
    subject = f"replacement {form.id}: {found['subject']}"
    refusal = refuse(connection, found)
    if refusal:
        raise RefusedError(409, f"{problem}: {refusal}", subject=subject)
    return found | {"subject": subject}


def _revert(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    found = _placed(connection, form, why_not_reverted, "It cannot be taken back")
    if not form.fields.is_yes("confirm"):
        raise RefusedError(400, "Send confirm=yes to take it back", subject=found["subject"])
    connection.execute(
        "update node_replacements set state = 'reverting', reverted_by = ? where id = ?",
        (form.actor, form.id),
    )
    return Done(f"Being taken back: {found['subject']}", found["subject"], {"replacement": form.id})


def _retry(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """It goes on where it failed, in the same direction."""
    found = _placed(connection, form, why_not_retried, "It cannot go on")
    connection.execute(
        "update node_replacements set state = iif(reverted_by is null, 'queued', 'reverting'), detail = '', "
        "done_at = null where id = ?",
        (form.id,),
    )
    return Done(f"Goes on: {found['subject']}", found["subject"], {"replacement": form.id})


TOPICS = ("node_replacements",)
REPLACE = Action("replace", "maintain", _place, status=202, after="/-/maintenance", topics=TOPICS)
RETRY = Action("retry_replacement", "maintain", _retry, status=202, after="/-/maintenance", topics=TOPICS)
REVERT = Action("revert_replacement", "maintain", _revert, status=202, after="/-/maintenance", topics=TOPICS)


PLANNED = PlannedAction(REPLACE, FIELDS, read_plan, "pages/-/replace.html")


async def revert(datasette: Site, request: Request) -> Response:
    """POST with `confirm=yes`: 202, and rows move back in the background."""
    return await post_and_wake(REVERT, datasette, request)


async def retry(datasette: Site, request: Request) -> Response:
    """POST: 202, and a replacement that failed goes on in the background."""
    return await post_and_wake(RETRY, datasette, request)


_FIELDS = {
    "node": f"the node whose history moves: {NODE_HELP}",
    "sensor": f"instead of node, one child: {SENSOR_HELP}",
    "by": "the node under which it goes on, as GATEWAY/NODE_ID; for a child GATEWAY/NODE_ID/CHILD_ID",
}

ROUTES = (
    documented_route(
        r"^/-/replace$",
        PLANNED.handle,
        Endpoint(
            "What the replacement of a node would move",
            "Programs that do not ask for HTML get JSON.",
            fields=_FIELDS,
            example={"node": "{node}", "by": "{node}"},
            answer="page",
        ),
        Endpoint(
            "Let the history of a node, or of a child, go on under another one",
            "Rows move in the background; see the table node_replacements. Messages stay as they were sent.",
            "POST",
            "maintain",
            _FIELDS | {"confirm": "yes"},
            {"node": "{node}", "by": "{node}"},
        ),
    ),
    documented_route(
        r"^/-/replace/(?P<id>\d{1,9})/revert$",
        revert,
        Endpoint(
            "Take a replacement back",
            "Possible until the old id is heard again. ID is of the table node_replacements.",
            "POST",
            "maintain",
            {"confirm": "yes"},
            at={"ID": "1"},
        ),
    ),
    documented_route(
        r"^/-/replace/(?P<id>\d{1,9})/retry$",
        retry,
        Endpoint(
            "Let a replacement that failed go on",
            "It goes on where it ended, there or back. ID is of the table node_replacements.",
            "POST",
            "maintain",
            at={"ID": "1"},
        ),
    ),
)
