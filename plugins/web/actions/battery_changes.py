"""POST /-/batteries/.../revoke: take back a battery change that was entered by mistake."""

import sqlite3
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.changes import raise_topics
from ingest.orders.outcome import Done, RefusedError
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route


class ChangesTable(NamedTuple):
    """Where the battery changes of nodes or of UPSes are, the table and column they are about, its topic."""

    name: str
    owner: str
    column: str
    topic: str


TABLES = {
    "node": ChangesTable("battery_changes", "nodes", "node", "nodes"),
    "ups": ChangesTable("ups_battery_changes", "ups", "ups", "ups"),
}


def _revoke(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    kind = form.path["kind"]
    table = TABLES[kind]
    row = connection.execute(
        f"""select c.changed_at, o.id, o.name from {table.name} c
        join {table.owner} o on o.id = c.{table.column} where c.id = ?""",
        (form.id,),
    ).fetchone()
    if row is None:
        raise RefusedError(
            404, f"There is no battery change {form.id} of a {kind}: it is taken back already?"
        )
    connection.execute(f"delete from {table.name} where id = ?", (form.id,))
    connection.execute(
        f"""update {table.owner} set battery_changed_at =
        (select max(changed_at) from {table.name} where {table.column} = ?1) where id = ?1""",
        (row["id"],),
    )
    raise_topics(connection, (table.topic,))
    day = datetime.fromisoformat(row["changed_at"]).astimezone(ZoneInfo(form.site.timezone)).date()
    message = f"Battery change of {row['name']} on {day} is taken back"
    return Done(message, row["name"], {"kind": kind, "id": form.id})


REVOKE = Action("revoke battery change", "edit", _revoke, after="/-/batteries")

ROUTES = (
    documented_route(
        r"^/-/batteries/(?P<kind>node|ups)/(?P<id>\d{1,9})/revoke$",
        REVOKE.post,
        Endpoint(
            "Take back a battery change",
            "The change before it counts again. KIND is node or ups, ID the row of battery_changes or "
            "ups_battery_changes.",
            "POST",
            "edit",
            at={"KIND": "node", "ID": "1"},
        ),
    ),
)
