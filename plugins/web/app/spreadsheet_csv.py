"""The layer that writes CSV for spreadsheets, where a link asks for it."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.site import Site
from plugins.web.spreadsheet import PARAMETER
from reporting.spreadsheet_csv import show_as_text

ASKED = re.compile(rb"(^|&)" + PARAMETER.encode() + rb"=1(&|$)")
CSV = re.compile(rb"text/(csv|plain)\b")


def spreadsheet_csv(app: ASGIApp, site: Site) -> ASGIApp:
    """Pass CSV that a link of our pages asks for through `show_as_text`."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        is_asked = scope["type"] == "http" and ASKED.search(scope.get("query_string", b""))
        await app(scope, receive, SpreadsheetResponse(send).take if is_asked else send)

    return inner


class SpreadsheetResponse:
    """The messages of one response, with rows that are whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_csv = False
        self._rest = b""  # a row whose end has not come

    async def take(self, message: Message) -> None:
        """Send a message; rows of CSV as text."""
        if message["type"] == "http.response.start":
            headers = [(name.lower(), value) for name, value in message.get("headers", [])]
            kind = dict(headers).get(b"content-type", b"")
            self._is_csv = message["status"] == 200 and CSV.match(kind) is not None
            if self._is_csv:
                message = {**message, "headers": [one for one in headers if one[0] != b"content-length"]}
        elif self._is_csv:
            body, more = self._rest + message.get("body", b""), message.get("more_body", False)
            end = _whole_rows(body) if more else len(body)
            self._rest = body[end:]
            message = {**message, "body": show_as_text(body[:end])}
        await self._send(message)


def _whole_rows(body: bytes) -> int:
    """Where the last whole row ends: behind a line end outside of quotes, of which there are two each."""
    end = body.rfind(b"\n") + 1
    return end if body.count(b'"', 0, end) % 2 == 0 else 0
