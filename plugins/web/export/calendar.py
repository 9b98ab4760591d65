"""/batteries.ics: the days on which batteries of nodes will be empty, for calendars."""

import hashlib
import time

from datasette import Request, Response

from ingest.schema.site import READ_KEY
from plugins.web.canned import run_query
from plugins.web.prefix import rooted
from plugins.web.query import TOO_SLOW, select
from plugins.web.responses import json_errors
from plugins.web.site import Site
from reporting.battery_calendar import render_calendar

CONTENT_TYPE = "text/calendar; charset=utf-8"


async def calendar(datasette: Site, request: Request) -> Response:
    """GET /batteries.ics"""
    rows = await run_query(datasette, "battery_forecast")
    keys = await select(datasette, READ_KEY)
    if rows is None or keys is None:
        return json_errors(503, TOO_SLOW)
    address = str(datasette.absolute_url(request, rooted(datasette.root, "/"))).rstrip("/")
    text = render_calendar(
        datasette.config.title, keys[0]["key"], address, rows, datasette.timezone, time.time()
    )
    body = text.encode()
    headers = {"etag": f'"{hashlib.sha256(body).hexdigest()[:16]}"', "cache-control": "no-cache"}
    if request.headers.get("if-none-match", "").removeprefix("W/") == headers["etag"]:
        return Response(b"", status=304, headers=headers, content_type=CONTENT_TYPE)
    return Response(body, headers=headers, content_type=CONTENT_TYPE)
