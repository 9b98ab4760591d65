"""Control characters that a device sent, in what the site shows: as pictures (U+2400 ...), in every format.

Those that turn the direction of what follows (Unicode's Bidi_Control) are left out: a name with one would
show its neighbours, or the rest of a line, in another order than they are written.

The database keeps them as sent. A browser drops or acts on them, a terminal that shows a CSV file obeys an
ESC, and XML allows most of them in no form (https://www.w3.org/TR/xml/#charsets).
"""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.site import Site

# C0 but tab and line ends, DEL, C1 and the two non-characters of the basic plane, as UTF-8.
CONTROL = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]"
    # U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069
    rb"|\xd8\x9c|\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)
DELETE_PICTURE, REPLACEMENT = "\u2421", "\ufffd"
SHOWN = re.compile(rb"(text/(html|csv|plain)|application/(\w+\+)?(xml|json))\b")


def show_control_characters(body: bytes) -> bytes:
    """UTF-8 text with each control character as its picture (`\\x1b` is `␛`), those of direction left out."""
    return CONTROL.sub(_picture, body)


def _picture(found: re.Match[bytes]) -> bytes:
    code = found[0][0]
    if code in (0xD8, 0xE2):
        return b""
    if len(found[0]) > 1:
        return REPLACEMENT.encode()
    return (DELETE_PICTURE if code == 0x7F else chr(0x2400 + code)).encode()


def control_characters(app: ASGIApp, site: Site) -> ASGIApp:
    """Show control characters in texts as pictures; files and scripts pass as they are."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
        else:
            await app(scope, receive, ShownResponse(send).take)

    return inner


class ShownResponse:
    """The messages of one response on their way to the client."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_text = False
        self._start: Message | None = None  # waits for the body, since its length may change
        self._rest = b""  # the beginning of a character that a chunk has cut

    async def take(self, message: Message) -> None:
        """Send a message; that of a text with its control characters shown."""
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message.get("headers", [])}
            self._is_text = SHOWN.match(headers.get(b"content-type", b"")) is not None
            if self._is_text:
                self._start = message
                return
        elif self._is_text:
            message = await self._take_body(message)
        await self._send(message)

    async def _take_body(self, message: Message) -> Message:
        body, more = self._rest + message.get("body", b""), message.get("more_body", False)
        whole = len(body) - (_unfinished(body) if more else 0)
        self._rest, shown = body[whole:], show_control_characters(body[:whole])
        if self._start is not None:
            start, self._start = self._start, None
            is_unchanged = not more and shown == body
            await self._send(start if is_unchanged else _with_length(start, None if more else len(shown)))
        return {**message, "body": shown}


def _unfinished(body: bytes) -> int:
    """How many bytes at the end may be the beginning of a character that is to be shown."""
    if body.endswith((b"\xef\xbf", b"\xe2\x80", b"\xe2\x81")):
        return 2
    return int(body.endswith((b"\xc2", b"\xd8", b"\xe2", b"\xef")))


def _with_length(start: Message, length: int | None) -> Message:
    headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    return {**start, "headers": headers}
