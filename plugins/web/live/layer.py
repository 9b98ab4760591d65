"""The layer that answers pages which are open in a browser with what has changed of them.

A page is sent with the name of its version (`data-version` of <main>). static/live.js asks for the same
address with that name in the header `x-live`, and gets 204 where nothing changed, else JSON: the name of the
version now, and what differs of each block (`plugins.web.live.blocks.Change`).
"""

import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.app.control_characters import show_control_characters
from plugins.web.identity import identity_of
from plugins.web.live.blocks import LiveBlocks, find_parts
from plugins.web.live.pages import LivePage, LivePages, Seqs, Times
from plugins.web.query import select
from plugins.web.responses import NO_DOCUMENT
from plugins.web.site import Site

HEADER = b"x-live"
VERSION = "live_version"  # in the scope: the name of the version that is being rendered
MAX_NAME = 40
MAX_BYTES = 2**21  # of a page; a longer one is not live


def live_pages(app: ASGIApp, site: Site) -> ASGIApp:
    """Keep what live pages were rendered to, and answer with the differences."""
    pages = LivePages()

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_expired(message: Message) -> None:
            pages.expire(time.monotonic())
            await send(message)

        if scope["type"] == "http" and scope["method"] == "POST":
            await app(scope, receive, send_expired)
        elif scope["type"] != "http" or scope["method"] != "GET":
            await app(scope, receive, send)
        elif (version := _asked(scope)) is None:
            await _send_page(app, pages, scope, receive, send)
        else:
            status, body = await _find_change(app, site, pages.page(_key(scope)), scope, receive, version)
            await _send(send, status, body)

    return inner


def _asked(scope: Scope) -> str | None:
    return next(
        (value.decode("latin-1")[:MAX_NAME] for name, value in scope["headers"] if name == HEADER), None
    )


def _key(scope: Scope) -> object:
    """What a page depends on: the address, and who asks."""
    identity = identity_of(scope)
    session = identity.session
    return scope["path"], scope["query_string"], str(identity.actor), session and session.id


class _Response:
    """A response of the site, kept if it is a page, on its way to the client if there is one."""

    def __init__(self, send: Send | None = None) -> None:
        self._send = send
        self._is_page = False
        self._started = self._ready = time.monotonic()
        self.status = 500
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._ready = time.monotonic()
            self.status = message["status"]
            kinds = [value for name, value in message.get("headers", []) if name.lower() == b"content-type"]
            self._is_page = self.status == 200 and any(kind.startswith(b"text/html") for kind in kinds)
        elif self._is_page and len(self.body) <= MAX_BYTES:
            self.body += message.get("body", b"")
        if self._send is not None:
            await self._send(message)

    @property
    def is_live(self) -> bool:
        """Whether it is a page of which blocks can be renewed."""
        return b' data-version="' in self.body and len(self.body) <= MAX_BYTES

    def register(self, page: LivePage, seqs: Seqs | None) -> LiveBlocks:
        """Keep the blocks of this page."""
        parts = find_parts(show_control_characters(self.body).decode())
        return page.take(parts, Times(self._started, self._ready), seqs)


async def _send_page(app: ASGIApp, pages: LivePages, scope: Scope, receive: Receive, send: Send) -> None:
    version, response = secrets.token_hex(5), _Response(send)
    await app({**scope, VERSION: version}, receive, response.take)
    if response.is_live:
        page = pages.page(_key(scope))
        page.note(version, response.register(page, None))


async def _find_change(
    app: ASGIApp, site: Site, page: LivePage, scope: Scope, receive: Receive, version: str
) -> tuple[int, bytes]:
    """The status and the body of an answer: what has changed since `version`."""
    async with page.lock:
        now = time.monotonic()
        if not page.is_shared(now):
            seqs = await _seqs(site)
            if seqs is None or not page.is_right(now, seqs):
                response = _Response()
                headers = [pair for pair in scope["headers"] if pair[0] not in (HEADER, b"accept")]
                asked = {**scope, "headers": [*headers, (b"accept", b"text/html")], VERSION: version}
                await app(asked, receive, response.take)
                if not response.is_live:
                    return (response.status if response.status >= 400 else 409), b""
                if not response.register(page, seqs):
                    return 409, b""
        body = page.answer(version)
    return (204, b"") if body is None else (200, body)


async def _seqs(site: Site) -> Seqs | None:
    rows = await select(site, "select topic, seq from changes")
    return None if rows is None else {row["topic"]: row["seq"] for row in rows}


async def _send(send: Send, status: int, body: bytes) -> None:
    headers = [(b"cache-control", b"no-store")]
    if status != 204:
        headers += (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": headers, NO_DOCUMENT: True})
    await send({"type": "http.response.body", "body": body})
