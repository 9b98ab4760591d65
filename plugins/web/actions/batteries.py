"""POST /-/batteries: locations and battery changes of many nodes and UPSes at once, all of them or none."""

import re
import sqlite3

from datasette import Request, Response

from ingest.orders.audit import audit
from ingest.orders.outcome import Done, RefusedError
from plugins.web.actions.action import Action, Submission
from plugins.web.actions.edits import EDITS, Edit
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields
from plugins.web.pages.batteries import batteries
from plugins.web.query import DATABASE
from plugins.web.site import Site

# name of a field -> writable query, and the field of that query
FIELDS = {
    "location": ("set_location", "location"),
    "changed": ("battery_changed", "date"),
    "ups-changed": ("ups_battery_changed", "date"),
}
FIELD = re.compile(rf"({'|'.join(FIELDS)})-(\d{{1,12}})")


def read_edits(connection: sqlite3.Connection, fields: Fields, timezone: str) -> list[tuple[str, Edit]]:
    """(writable query, Edit) of each field that changes something. Raises RefusedError with all reasons."""
    edits, errors, wrong = [], [], ""
    for name, text in fields.texts().items():
        match = FIELD.fullmatch(name)
        if match is None:
            errors.append(f"{name[:80]} is no field of this form: location-ID, changed-ID, ups-changed-ID")
            continue
        query, field = FIELDS[match[1]]
        if field == "date" and not text.strip():
            continue
        edit = EDITS[query]
        try:
            found = edit.read(connection, Fields({edit.key: match[2], field: text}), timezone)
        except RefusedError as error:
            wrong = wrong or name
            errors += [f"{error.subject or name}: {one}" for one in error.errors]
            continue
        if query != "set_location" or found.params["location"] != _location(connection, match[2]):
            edits.append((query, found))
    if errors:
        raise RefusedError(400, *errors, "Nothing was changed.", field=wrong)
    return edits


def _location(connection: sqlite3.Connection, node: str) -> str:
    return str(connection.execute("select location from nodes where id = ?", (node,)).fetchone()[0])


async def save_batteries(datasette: Site, request: Request) -> Response:
    """POST /-/batteries"""
    queries = {name: await datasette.get_canned_query(DATABASE, name, request.actor) for name in EDITS}

    def write(connection: sqlite3.Connection, form: Submission[None]) -> Done:
        edits = read_edits(connection, form.fields, datasette.timezone)
        for name, edit in edits:
            connection.execute(queries[name]["sql"], {**edit.params, "_actor_id": form.actor})
            audit(connection, form.actor, name, edit.subject, edit.message, "done")
        saved = f"{len(edits)} change{'' if len(edits) == 1 else 's'}"
        message = f"Saved {saved}: {'; '.join(edit.message for _, edit in edits)}" if edits else "No change"
        return Done(message[:1000], saved, {"changes": len(edits)})

    action = Action("save_batteries", "edit", write, after="/-/batteries", topics=("nodes", "ups"))
    return await action.post(datasette, request)


async def batteries_or_save(datasette: Site, request: Request) -> Response:
    """GET and POST /-/batteries"""
    answer = save_batteries if request.method == "POST" else batteries
    return await answer(datasette, request)


ROUTES = (
    documented_route(
        r"^/-/batteries$",
        batteries_or_save,
        Endpoint("Batteries and locations", fields={"page": "number of the page, from 1"}, answer="page"),
        Endpoint(
            "Save locations and battery changes of many nodes and UPSes",
            "All of them or none. A field that is left out, an empty date, and a location as it is, change "
            "nothing.",
            "POST",
            "edit",
            {
                "location-ID": "location of the node with this id of the table nodes; empty: none",
                "changed-ID": "day on which its battery was changed, YYYY-MM-DD",
                "ups-changed-ID": "the same of the UPS with this id of the table ups",
            },
        ),
    ),
)
