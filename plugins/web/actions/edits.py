"""Writable canned queries: their SQL stands in metadata.yml, their parameters are checked here."""

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from datasette import Request, Response

from ingest.db.time import format_utc
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import find_node, find_ups
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Json
from plugins.web.forms import Fields
from plugins.web.query import DATABASE
from plugins.web.site import Site

MAX_LOCATION = 60  # characters
FIRST_YEAR = 2000


class Edit(NamedTuple):
    """Parameters of a query, what it changes, and a sentence for the answer."""

    params: Json
    subject: str
    message: str


def set_location(connection: sqlite3.Connection, fields: Fields, timezone: str) -> Edit:
    """Fields `node`, `location`; an empty location is taken away."""
    node = find_node(connection, fields.text("node"))
    if "location" not in fields:
        raise RefusedError(400, "location is needed; an empty one takes it away", subject=node.label)
    location = " ".join(fields.text("location").split())
    if len(location) > MAX_LOCATION or not location.isprintable():
        raise RefusedError(
            400, f"location is a line of at most {MAX_LOCATION} characters", subject=node.label
        )
    message = f"{node.label} is in: {location}" if location else f"{node.label} has no location any more"
    return Edit({"node": node.id, "location": location}, node.label, message)


def battery_changed(connection: sqlite3.Connection, fields: Fields, timezone: str) -> Edit:
    """Fields `node`, `date` (local, YYYY-MM-DD; empty: now)."""
    node = find_node(connection, fields.text("node"))
    at, day = parse_day(fields.text("date"), timezone, subject=node.label)
    return Edit({"node": node.id, "date": at}, node.label, f"Battery of {node.label} changed on {day}")


def ups_battery_changed(connection: sqlite3.Connection, fields: Fields, timezone: str) -> Edit:
    """Fields `ups`, `date` (local, YYYY-MM-DD; empty: now)."""
    ups = find_ups(connection, fields.text("ups"))
    at, day = parse_day(fields.text("date"), timezone, subject=ups.name)
    return Edit({"ups": ups.id, "date": at}, ups.name, f"Battery of {ups.name} changed on {day}")


def parse_day(text: str, timezone: str, name: str = "date", subject: str = "") -> tuple[str, date]:
    """A local date as (UTC text of its start, date); an empty text or today is now.

    Raises RefusedError, whose message calls it `name`.
    """
    now = datetime.now(UTC)
    today = now.astimezone(ZoneInfo(timezone)).date()
    if not text:
        return format_utc(now.timestamp()), today
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        problem = f"{text!r}, a date such as {today} is needed, or nothing for today"
        raise RefusedError(400, f"{name} is {problem}", subject=subject)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RefusedError(400, f"{name} is {text!r}: there is no such day", subject=subject) from None
    if day.year < FIRST_YEAR or day > today:
        problem = f"before {FIRST_YEAR}" if day < today else f"which lies in the future: today is {today}"
        raise RefusedError(400, f"{name} is {day}, {problem}", subject=subject)
    return format_utc(now.timestamp()) if day == today else start_of(day, timezone), day


def start_of(day: date, timezone: str) -> str:
    """The moment at which a local day begins, as UTC text."""
    return format_utc(datetime.combine(day, time(), ZoneInfo(timezone)).timestamp())


class EditQuery(NamedTuple):
    """A writable query: what reads its form, the key that it answers, its topic, the page to return to."""

    read: Callable[[sqlite3.Connection, Fields, str], Edit]
    key: str
    topic: str
    after: str


EDITS = {
    "set_location": EditQuery(set_location, "node", "nodes", "/nodes"),
    "battery_changed": EditQuery(battery_changed, "node", "nodes", "/nodes"),
    "ups_battery_changed": EditQuery(ups_battery_changed, "ups", "ups", "/ups"),
}


async def post_edit(site: Site, request: Request, name: str) -> Response:
    """POST to a writable canned query of metadata.yml."""
    query = await site.get_canned_query(DATABASE, name, request.actor)
    edit = EDITS[name]

    def write(connection: sqlite3.Connection, form: Submission[None]) -> Done:
        params, subject, message = edit.read(connection, form.fields, site.timezone)
        connection.execute(query["sql"], {**params, "_actor_id": form.actor})
        return Done(message, subject, {edit.key: params[edit.key]})

    return await Action(name, query["right"], write, after=edit.after, topics=(edit.topic,)).post(
        site, request
    )
