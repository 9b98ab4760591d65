"""/events.atom: the newest events for feed readers (RFC 4287)."""

import hashlib
import uuid
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from datasette import Response

from plugins.web.pages.events import CHOICES, CHOSEN, recording
from plugins.web.prefix import rooted
from plugins.web.query import select
from plugins.web.responses import json_errors
from reporting.formatting import format_length, format_local

ENTRIES = 100
NAMESPACE = uuid.UUID("b9a4c0de-5d0c-4f4e-9e0b-6d2f0f6f3f1e")  # of the ids below: never changes


def entry_id(event):
    """The same wherever the house is served from, and whatever becomes of the event."""
    return uuid.uuid5(NAMESPACE, f"{event['name']} {event['event']} {event['started_at']} {event['id']}").urn


async def feed(datasette, request):
    """GET /events.atom, filtered by `kind`, `ups` (a name) and `event`."""
    chosen = {name: request.args.get(name) for name in CHOICES if request.args.get(name)}
    events = await select(
        datasette, f"{CHOSEN} order by id desc limit {ENTRIES}", {**dict.fromkeys(CHOICES, ""), **chosen}
    )
    if events is None:
        return json_errors(503, "The database took too long to answer")
    began = await recording(datasette) or {"all": None}
    body = "".join(_document(datasette, request, chosen, events, began["all"])).encode()
    headers = {"etag": f'"{hashlib.sha256(body).hexdigest()[:16]}"', "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(b"", status=304, headers=headers, content_type="application/atom+xml; charset=utf-8")
    return Response(body, headers=headers, content_type="application/atom+xml; charset=utf-8")


def _document(datasette, request, chosen, events, began):
    def address(path):
        return datasette.absolute_url(request, rooted(datasette.root, path))

    query = f"?{urlencode(chosen, safe='@')}" if chosen else ""
    itself, title = address(f"/events.atom{query}"), datasette.config.title
    of = f" ({', '.join(chosen.values())})" if chosen else ""
    updated = max(
        [event["ended_at"] or event["started_at"] for event in events]
        or [began or "1970-01-01T00:00:00.000Z"]
    )
    page = address(f"/events?{urlencode({'tab': 'all', **chosen}, safe='@')}")
    yield '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
    yield f"<title>{_text(title)}: events{_text(of)}</title>\n<id>{_text(itself)}</id>\n<updated>{updated}</updated>\n"
    yield f"<author><name>{_text(title)}</name></author>\n"
    yield f'<link rel="self" type="application/atom+xml" href={quoteattr(itself)}/>\n<link rel="alternate" type="text/html" href={quoteattr(page)}/>\n'
    for event in events:
        length = f"lasted {format_length(event['seconds'])}" if event["ended_at"] else "goes on"
        told = ", ".join(
            filter(
                None,
                [f"Began {format_local(event['started_at'], datasette.timezone)}", length, event["detail"]],
            )
        )
        yield f"<entry><title>{_text(event['name'])}: {_text(event['words'])}</title><id>{entry_id(event)}</id>\n"
        yield f"<published>{event['started_at']}</published><updated>{event['ended_at'] or event['started_at']}</updated>\n"
        yield f'<category term={quoteattr(event["event"])}/><link rel="alternate" type="text/html" href={quoteattr(address(event["href"]))}/>\n'
        yield f"<summary>{_text(told)}</summary></entry>\n"
    yield "</feed>\n"


def _text(words):
    """As XML text, without the control characters that XML has no way to write."""
    return escape("".join(letter for letter in str(words) if letter >= " " or letter in "\t\n\r"))
