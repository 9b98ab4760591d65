"""Texts in fewer bytes. Downloads of whole tables stay as they are: they would keep the processor busy.

`plugins.web.identity.masked_token` says what compression means for the tokens of forms.
"""

import re

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.site import Site

LEVEL = 5
LEAST = 400  # bytes: what is shorter stays as it is
PIECE = 32 * 1024  # bytes of CSV, which Datasette sends row by row
EXCLUDED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/vnd.sqlite3", "application/octet-stream")
DOWNLOAD = re.compile(rb"(^|&)_stream=")
ROWS = (b"text/csv", b"text/plain")
ACCEPTED = re.compile(rb"(?:^|,)\s*gzip\s*(?:;\s*q\s*=\s*(?P<q>[0-9.]+)\s*)?(?:,|$)", re.I)


def compress(app: ASGIApp, site: Site) -> ASGIApp:
    """Compress what is worth it, for clients that take it."""

    async def gathered(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, _Gathered(send).take)

    compressed = GZipMiddleware(gathered, LEAST, LEVEL, exclude_content_types=EXCLUDED)

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or not _takes_gzip(scope)
            or DOWNLOAD.search(scope.get("query_string", b""))
        ):
            await app(scope, receive, send)
            return

        async def send_weak(message: Message) -> None:
            await send(_with_weak_mark(message) if message["type"] == "http.response.start" else message)

        await compressed(scope, receive, send_weak)

    return inner


def _takes_gzip(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"accept-encoding" and (found := ACCEPTED.search(value)):
            return found["q"] is None or found["q"].strip(b"0.") != b""
    return False


def _with_weak_mark(start: Message) -> Message:
    """The mark of a content (`ETag`) is that of other bytes than those that are sent (RFC 9110, 8.8.3)."""
    headers = start["headers"]
    if not any(name.lower() == b"content-encoding" for name, _ in headers):
        return start
    return {
        **start,
        "headers": [
            (name, b"W/" + value if name.lower() == b"etag" and value.startswith(b'"') else value)
            for name, value in headers
        ],
    }


class _Gathered:
    """The messages of one response; rows become larger pieces."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_rows = False
        self._pieces: list[bytes] = []
        self._size = 0

    async def take(self, message: Message) -> None:
        """Send a message, or keep a row until there are more of them."""
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message.get("headers", [])}
            self._is_rows = headers.get(b"content-type", b"").startswith(ROWS)
        elif message["type"] == "http.response.body" and self._is_rows:
            more = message.get("more_body", False)
            self._pieces.append(message.get("body", b""))
            self._size += len(self._pieces[-1])
            if more and self._size < PIECE:
                return
            message = {**message, "body": b"".join(self._pieces)}
            self._pieces, self._size = [], 0
        await self._send(message)
