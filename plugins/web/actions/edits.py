"""Writable canned queries: their SQL stands in metadata.yml, their parameters are checked and cleaned here."""

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from ingest.db.time import format_utc
from plugins.web.actions.action import Done, find_node, find_ups, perform, raise_topic
from plugins.web.forms import RefusedError
from plugins.web.query import DATABASE

LONGEST_LOCATION = 60
FIRST_YEAR = 2000


def set_location(connection, fields, timezone):
    """Fields `node`, `location` (empty takes it away) as the parameters of the query, with a sentence."""
    node = find_node(connection, fields.get("node", ""))
    if "location" not in fields:
        raise RefusedError(400, "location is needed; an empty one takes it away", subject=_subject(node))
    location = " ".join(fields["location"].split())
    if len(location) > LONGEST_LOCATION or not location.isprintable():
        raise RefusedError(
            400, f"location is a line of at most {LONGEST_LOCATION} characters", subject=_subject(node)
        )
    done = f"{_subject(node)} is in: {location}" if location else f"{_subject(node)} has no location any more"
    return {"node": node["id"], "location": location}, _subject(node), done


def battery_changed(connection, fields, timezone):
    """Fields `node`, `date` (local, YYYY-MM-DD; empty: now) as the parameters of the query, with a sentence."""
    node = find_node(connection, fields.get("node", ""))
    at, day = _day(fields, timezone, _subject(node))
    return {"node": node["id"], "date": at}, _subject(node), f"Battery of {_subject(node)} changed on {day}"


def ups_battery_changed(connection, fields, timezone):
    """Fields `ups`, `date` (local, YYYY-MM-DD; empty: now) as the parameters of the query, with a sentence."""
    ups = find_ups(connection, fields.get("ups", ""))
    at, day = _day(fields, timezone, ups["name"])
    return {"ups": ups["id"], "date": at}, ups["name"], f"Battery of {ups['name']} changed on {day}"


def _day(fields, timezone, subject):
    try:
        return parse_day(fields.get("date", "").strip(), timezone)
    except ValueError as error:
        raise RefusedError(400, str(error), subject=subject) from None


def parse_day(text, timezone, now=None):
    """A local date as (UTC text of its start, date); an empty text or today is now. Raises ValueError in words."""
    zone = ZoneInfo(timezone)
    now = now or datetime.now(UTC)
    today = now.astimezone(zone).date()
    if not text:
        return format_utc(now.timestamp()), today
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(f"date is {text!r}, a date such as {today} is needed, or nothing for today")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"date is {text!r}: there is no such day") from None
    if day > today:
        raise ValueError(f"date is {day}, which lies in the future: today is {today}")
    if day.year < FIRST_YEAR:
        raise ValueError(f"date is {day}, before {FIRST_YEAR}")
    return format_utc(now.timestamp()) if day == today else start_of(day, timezone), day


def start_of(day, timezone):
    """The moment at which a local day begins, as UTC text."""
    return format_utc(datetime.combine(day, time(), ZoneInfo(timezone)).timestamp())


def _subject(node):
    return f"{node['name']} ({node['gateway']}/{node['node_id']})"


# Query -> what reads its form, the key that it answers, the page to go back to.
EDITS = {
    "set_location": (set_location, "node", "/nodes"),
    "battery_changed": (battery_changed, "node", "/nodes"),
    "ups_battery_changed": (ups_battery_changed, "ups", "/ups"),
}
TOPICS = {"node": "nodes", "ups": "ups"}


async def run_edit(datasette, request, name):
    """POST to a writable canned query of metadata.yml."""
    query = await datasette.get_canned_query(DATABASE, name, request.actor)
    read, key, after = EDITS[name]

    def deed(connection, fields, actor):
        wrong = [field for field, value in fields.items() if not isinstance(value, str)]
        if wrong:
            raise RefusedError(400, f"{wrong[0]} is a text, not a file")
        params, subject, message = read(connection, fields, datasette.timezone)
        connection.execute(query["sql"], {**params, "_actor_id": actor})
        raise_topic(connection, TOPICS[key])
        return Done(message, subject, {key: params[key]})

    return await perform(datasette, request, name, query["right"], deed, after=after)
