"""/-/ups/acknowledgements: a condition that stands with a UPS is known, until its text changes or a date."""

import sqlite3
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from datasette import Request, Response

from ingest.db.changes import raise_topics
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import UPS_HELP, find_ups
from ingest.severity import Severity
from plugins.web.actions.action import Action, Submission
from plugins.web.actions.edits import start_of
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields
from plugins.web.site import Site

TOPICS = ("ups", "events")
EVENT_HELP = "an event or word that stands, such as ALARM or BYPASS, see the view ups_conditions"


def _acknowledge(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Fields `ups`, `event`, `text` (what it is about; empty: the present one), `until` (a local day)."""
    fields = form.fields
    ups = find_ups(connection, fields.required("ups", UPS_HELP))
    event = fields.required("event", EVENT_HELP, ups.name).upper()
    text = _standing_text(connection, ups.id, ups.name, event, fields.text("text"))
    if fields.text("text") not in ("", text):
        raise RefusedError(409, f"{event} of {ups.name} is another one by now: {text}", subject=ups.name)
    until, shown = _read_until(fields, form.site.timezone, ups.name)
    connection.execute(
        """delete from acknowledgements where subject = ?1 and event = ?2
        and text not in (select text from ups_conditions where name = ?1 and event = ?2)""",
        (ups.name, event),
    )
    number = connection.execute(
        """insert into acknowledgements (subject, event, text, until, acknowledged_by) values (?, ?, ?, ?, ?)
        on conflict (subject, event, text) do update set until = excluded.until,
          acknowledged_at = excluded.acknowledged_at, acknowledged_by = excluded.acknowledged_by
        returning id""",
        (ups.name, event, text, until, form.actor),
    ).fetchone()[0]
    raise_topics(connection, TOPICS)
    return Done(f"{text} acknowledged for {ups.name}{shown}", ups.name, {"acknowledgement": number})


def _standing_text(connection: sqlite3.Connection, ups: int, name: str, event: str, wanted: str) -> str:
    """The text of what stands; of several, as thresholds of one UPS are, the `wanted` one."""
    rows = connection.execute(
        "select event, text, severity from ups_conditions where ups = ?", (ups,)
    ).fetchall()
    found = {row["event"]: row for row in rows}
    if event not in found:
        there_are = f"There are: {', '.join(sorted(found))}" if found else "There is none"
        raise RefusedError(404, f"{name} has no {event} to acknowledge. {there_are}.", subject=name)
    if found[event]["severity"] == Severity.CRITICAL:
        raise RefusedError(409, f"{event} is critical: it cannot be acknowledged", subject=name)
    texts = [str(row["text"]) for row in rows if row["event"] == event]
    return wanted if wanted in texts else texts[-1]


def _read_until(fields: Fields, timezone: str, subject: str) -> tuple[str | None, str]:
    """The start of a local day as UTC text, and as a part of a sentence; None where there is none."""
    text = fields.text("until")
    if not text:
        return None, ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RefusedError(
            400, f"until is {text!r}, a date such as 2027-01-31 is needed", subject=subject
        ) from None
    if day <= datetime.now(UTC).astimezone(ZoneInfo(timezone)).date():
        raise RefusedError(400, f"until is {day}, which does not lie ahead", subject=subject)
    return start_of(day, timezone), f" until {day}"


def _revoke(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    row = connection.execute("select subject, text from acknowledgements where id = ?", (form.id,)).fetchone()
    if row is None:
        raise RefusedError(404, f"No acknowledgement {form.id}")
    connection.execute("delete from acknowledgements where id = ?", (form.id,))
    raise_topics(connection, TOPICS)
    message = f"{row['text']} of {row['subject']} is not acknowledged any more"
    return Done(message, row["subject"], {"acknowledgement": form.id})


ACKNOWLEDGE = Action("acknowledge", "edit", _acknowledge, status=201, after="/ups")
REVOKE = Action("revoke acknowledgement", "edit", _revoke, after="/ups")


async def acknowledge(datasette: Site, request: Request) -> Response:
    """POST of `ups`, `event`, `text`, `until`: 201 with the id of the row."""
    return await ACKNOWLEDGE.post(datasette, request)


async def revoke(datasette: Site, request: Request) -> Response:
    """POST /-/ups/acknowledgements/ID/revoke"""
    return await REVOKE.post(datasette, request)


ROUTES = (
    documented_route(
        r"^/-/ups/acknowledgements$",
        acknowledge,
        Endpoint(
            "Acknowledge an alarm or status of a UPS",
            "A row of acknowledgements. It holds until the text of the alarm changes, or until a date.",
            "POST",
            "edit",
            {
                "ups": "name, or id of the table ups",
                "event": EVENT_HELP,
                "text": "its text, which may have changed since; the present one unless given",
                "until": "YYYY-MM-DD: the first day on which it counts again; no end unless given",
            },
            {"ups": "{standing_ups}", "event": "{standing}"},
        ),
    ),
    documented_route(
        r"^/-/ups/acknowledgements/(?P<id>\d{1,9})/revoke$",
        revoke,
        Endpoint(
            "Revoke an acknowledgement",
            "",
            "POST",
            "edit",
            at={"ID": "{acknowledgement}"},
        ),
    ),
)
