"""Which page of rows a request for the page of a query is about."""

import re
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from plugins.web.query import DATABASE
from plugins.web.row_pages import PARAMETER, RowPage, row_page
from plugins.web.saved_queries import is_reading_query
from plugins.web.site import Site


def note_row_page(app: ASGIApp, site: Site) -> ASGIApp:
    """Note the page while Datasette answers; JSON and CSV have all rows."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        token = row_page.set(await _asked_page(site, scope))
        try:
            await app(scope, receive, send)
        finally:
            row_page.reset(token)

    return inner


async def _asked_page(site: Site, scope: Scope) -> RowPage | None:
    if scope["type"] != "http" or not scope["path"].startswith(f"/{DATABASE}"):
        return None
    arguments = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    name = scope["path"].removeprefix(f"/{DATABASE}").removeprefix("/")
    if not (name == "" and "sql" in arguments) and not await is_reading_query(site, name):
        return None
    text = arguments.get(PARAMETER, ["1"])[-1]
    return RowPage(max(1, int(text)) if re.fullmatch(r"[0-9]{1,6}", text) else 1)
