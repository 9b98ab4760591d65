"""/events.atom: the newest events for feed readers (RFC 4287)."""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from datasette import Request, Response

from plugins.web.pages.events import CHOICES, CHOSEN, chosen_events
from plugins.web.prefix import rooted
from plugins.web.query import TOO_SLOW, Row, select
from plugins.web.responses import json_errors
from plugins.web.site import Site
from reporting.formatting import all_names, format_length, format_local
from reporting.recording import RECORDING_START, RecordingStart

ENTRIES = 100
NAMESPACE = uuid.UUID("b9a4c0de-5d0c-4f4e-9e0b-6d2f0f6f3f1e")  # of the ids below: never changes
CONTENT_TYPE = "application/atom+xml; charset=utf-8"
NOTHING_YET = "1970-01-01T00:00:00.000Z"
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# With the UPSes of the mains outage that an event ONBATT is a part of.
EVENTS = f"""with chosen as materialized ({CHOSEN} order by id desc limit {ENTRIES}),
parts as materialized (
  select e.value ->> '$.id' as event, (
      select json_group_array(coalesce(nullif(u.label, ''), u.name))
      from json_each(m.members) x join ups u on u.id = x.value ->> '$.ups') as labels
  from mains_outages m, json_each(m.members) e where m.upses > 1)
select c.*, p.labels as outage_labels, (select count(*) from ups where configured) as upses
from chosen c left join parts p on p.event = c.id order by c.id desc"""


class FeedEntry(NamedTuple):
    """An event as the feed has it. Times are UTC texts."""

    id: str
    title: str
    published: str
    updated: str
    category: str
    severity: str
    address: str
    summary: str


def entry_id(event: Row) -> str:
    """The same wherever the site is served from, and whatever becomes of the event."""
    source = event["ref"] if event["kind"] == "node" else event["name"]
    return uuid.uuid5(NAMESPACE, f"{source} {event['event']} {event['started_at']} {event['id']}").urn


def _source(event: Row) -> str:
    """What the event is about, with what tells it from others of that label."""
    label, ref = event["label"], event["ref"]
    return str(label) if ref in (None, label) else f"{label} ({ref})"


async def feed(datasette: Site, request: Request) -> Response:
    """GET /events.atom, filtered by `kind`, `ups` (a name) and `event`."""
    chosen = {name: request.args.get(name) for name in CHOICES if request.args.get(name)}
    events = await select(datasette, EVENTS, chosen_events(chosen))
    began = await select(datasette, RECORDING_START)
    if events is None or began is None:
        return json_errors(503, TOO_SLOW)
    text = await _render(datasette, request, chosen, events, RecordingStart.parse(began[0]).whole)
    body = text.encode()
    headers = {"etag": f'"{hashlib.sha256(body).hexdigest()[:16]}"', "cache-control": "no-cache"}
    if request.headers.get("if-none-match", "").removeprefix("W/") == headers["etag"]:
        return Response(b"", status=304, headers=headers, content_type=CONTENT_TYPE)
    return Response(body, headers=headers, content_type=CONTENT_TYPE)


async def _render(
    site: Site, request: Request, chosen: Mapping[str, str], events: list[Row], began: str | None
) -> str:
    def address(path: str) -> str:
        return str(site.absolute_url(request, rooted(site.root, path)))

    query = f"?{urlencode(chosen, safe='@')}" if chosen else ""
    entries = [_entry(event, site.timezone, address) for event in events]
    text: str = await site.jinja_env.get_template("events.atom").render_async(
        title=site.config.title,
        chosen=chosen,
        address=address(f"/events.atom{query}"),
        page_address=address(f"/events?{urlencode({'tab': 'all', **chosen}, safe='@')}"),
        updated=max((entry.updated for entry in entries), default=began or NOTHING_YET),
        entries=entries,
    )
    return NOT_XML.sub("", text)


def _entry(event: Row, timezone: str, address: Callable[[str], str]) -> FeedEntry:
    parts = [
        f"Began {format_local(event['started_at'], timezone)}",
        f"lasted {format_length(event['seconds'])}" if event["ended_at"] else "ongoing",
        event["detail"],
        event["acknowledged"],
        event["outage_labels"]
        and f"mains outage at {all_names(json.loads(event['outage_labels']), event['upses'])}",
    ]
    return FeedEntry(
        entry_id(event),
        f"{_source(event)}: {event['words']}",
        event["started_at"],
        event["ended_at"] or event["started_at"],
        event["event"],
        event["severity"],
        address(f"/outages/{event['id']}" if event["event"] == "ONBATT" else event["href"]),
        ", ".join(part for part in parts if part),
    )
