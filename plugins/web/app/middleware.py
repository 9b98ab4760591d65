"""The ASGI layers around Datasette, in one list: LAYERS, the outermost first."""

import asyncio
import contextlib
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.app.assets import static_files
from plugins.web.app.compression import compress
from plugins.web.app.content_policy import content_policy
from plugins.web.app.control_characters import control_characters
from plugins.web.app.database import GROWING
from plugins.web.app.guard import guard
from plugins.web.app.hosts import known_hosts
from plugins.web.app.loop_watchdog import watch_loop
from plugins.web.app.query_bounds import bound_query
from plugins.web.app.query_pages import note_row_page
from plugins.web.app.security_headers import security_headers
from plugins.web.app.spreadsheet_csv import spreadsheet_csv
from plugins.web.app.unsent import send_in_pieces
from plugins.web.app.visitors import note_visitor
from plugins.web.live.layer import live_pages
from plugins.web.prefix import rooted
from plugins.web.responses import json_errors
from plugins.web.site import Layer, Site

MAX_DRAINED = 64 * 1024 * 1024  # bytes; a client that sends more loses the response
DRAIN_S = 20
UNCOUNTED = re.compile(rf"/telemetry/({'|'.join(sorted(GROWING))})(\.\w+)?")


def drain_body(app: ASGIApp, site: Site) -> ASGIApp:
    """Read and drop the rest of a request body before the response is sent.

    A connection that is closed on unread bytes takes the response along, on its way through a proxy as in a
    browser.
    """

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await app(scope, receive, send)
            return
        more = True

        async def watched() -> Message:
            nonlocal more
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def send_after(message: Message) -> None:
            if message["type"] == "http.response.start":
                with contextlib.suppress(TimeoutError):  # a slower client loses the response
                    async with asyncio.timeout(DRAIN_S):
                        seen = 0
                        while more and seen < MAX_DRAINED:
                            seen += len((await watched()).get("body", b""))
            await send(message)

        await app(scope, watched, send_after)

    return inner


def strip_prefix(app: ASGIApp, site: Site) -> ASGIApp:
    """Take the prefix of `web.base_url` off paths, where a proxy left it, and put it before redirects."""
    root = site.root
    if not root:
        return app

    def without(path: str) -> str:
        return path[len(root) :] or "/" if path == root or path.startswith(f"{root}/") else path

    def without_raw(raw: str) -> str:
        """The same for the path that Datasette routes by: tilde-encoded where it would take one more off."""
        rest = without(raw)
        return rest if rest == without(rest) else f"/~{ord(rest[1]):02X}{rest[2:]}"

    def rooted_header(name: bytes, value: bytes) -> tuple[bytes, bytes]:
        if name.lower() == b"location":
            value = rooted(root, value.decode("latin-1")).encode("latin-1")
        return name, value

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_rooted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {
                    **message,
                    "headers": [rooted_header(*pair) for pair in message.get("headers", [])],
                }
            await send(message)

        scope = {**scope, "path": without(scope["path"])}
        if scope.get("raw_path"):
            scope["raw_path"] = without_raw(scope["raw_path"].decode("latin-1")).encode("latin-1")
        await app(scope, receive, send_rooted)

    return inner


def refuse_double_slash(app: ASGIApp, site: Site) -> ASGIApp:
    """Answer 404 to a path that begins with two slashes.

    A browser takes it for the name of another site, and Datasette redirects to it where it ends with a slash.
    """

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        raw = (scope.get("raw_path") or b"").replace(b"\\", b"/")
        if scope["type"] == "http" and (raw.startswith(b"//") or scope["path"].startswith(("//", "/\\"))):
            answer = json_errors(404, "There is no such page: its path begins with two slashes")
            await answer.asgi_send(send)
        else:
            await app(scope, receive, send)

    return inner


def run_scheduler(app: ASGIApp, site: Site) -> ASGIApp:
    """Start and end the maintenance jobs with the server."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        async def watched() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                site.scheduler.start()
            elif message["type"] == "lifespan.shutdown":
                await site.scheduler.end()
            return message

        await app(scope, watched if scope["type"] == "lifespan" else receive, send)

    return inner


def skip_counts(app: ASGIApp, site: Site) -> ASGIApp:
    """Ask for the pages of tables that grow without limit without a count of their rows."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        if scope["type"] == "http" and UNCOUNTED.fullmatch(scope["path"]) and b"_nocount=" not in query:
            scope = {**scope, "query_string": query + (b"&" if query else b"") + b"_nocount=1"}
        await app(scope, receive, send)

    return inner


LAYERS: tuple[Layer, ...] = (
    # Outermost, since every response carries their headers.
    security_headers,
    content_policy,
    # Every layer below may answer before the body was read.
    drain_body,
    # Before anything of the request is looked at.
    known_hosts,
    # Above all that look at the path: none of them knows of the prefix.
    strip_prefix,
    # Below it, since the prefix may have hidden the second slash.
    refuse_double_slash,
    # Above all that look at the text of a response.
    compress,
    # Above the guard, which lets them through.
    static_files,
    # Above what strips characters: what is left may begin as a formula.
    spreadsheet_csv,
    # Above all that makes texts, native pages, CSV and refusals included.
    control_characters,
    # Below what looks at every byte of a response: a long one passes in pieces.
    send_in_pieces,
    # Above Datasette and all plugins: what it refuses reaches none of their routes.
    guard,
    # Below the guard, which knows who asks; above all that a page takes to be made.
    live_pages,
    # Datasette's `startup()` runs on a loop that is thrown away, the lifespan scope on the server's own.
    run_scheduler,
    # On the loop that serves, for the same reason.
    watch_loop,
    # Below the guard, since its messages are for readers; above all that reads parameters.
    bound_query,
    # Below all that answers by itself: the time of a request counts from here.
    note_visitor,
    # For Datasette alone, whose pages show all rows of a query.
    note_row_page,
    # Innermost, for Datasette alone, too: counting ten million rows takes a second.
    skip_counts,
)
