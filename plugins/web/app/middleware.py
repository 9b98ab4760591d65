"""The ASGI layers around Datasette, in one list: LAYERS, the outermost first."""

import asyncio
import contextlib
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.app.control_characters import control_characters
from plugins.web.app.guard import guard
from plugins.web.app.no_count import GROWING
from plugins.web.prefix import rooted
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
            scope["raw_path"] = without(scope["raw_path"].decode("latin-1")).encode("latin-1")
        await app(scope, receive, send_rooted)

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
    # Outermost, since every layer below may answer before the body was read.
    drain_body,
    # Above all that look at the path: none of them knows of the prefix.
    strip_prefix,
    # Above all that makes texts, native pages, CSV and refusals included.
    control_characters,
    # Above Datasette and all plugins: what it refuses reaches none of their routes.
    guard,
    # Datasette's `startup()` runs on a loop that is thrown away, the lifespan scope on the server's own.
    run_scheduler,
    # Innermost, for Datasette alone: counting ten million rows takes a second.
    skip_counts,
)
