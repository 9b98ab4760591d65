"""Responses that wait for slow clients: counted, and handed on in pieces.

The server takes a body of any length at once and keeps it in memory for as long as the client needs; layers
that look at every byte would keep the event loop meanwhile.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.site import Site

PIECE = 64 * 1024  # bytes; uvicorn waits while it holds as much


def send_in_pieces(app: ASGIApp, site: Site) -> ASGIApp:
    """Send long bodies piece by piece, and count in `site.unsent` what is left of them."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_pieces(message: Message) -> None:
            body = message.get("body", b"")
            if len(body) <= PIECE:
                await send(message)
                return
            left = len(body)
            site.unsent.bytes += left
            try:
                for start in range(0, len(body), PIECE):
                    piece = body[start : start + PIECE]
                    more = message.get("more_body", False) or start + PIECE < len(body)
                    await send({**message, "body": piece, "more_body": more})
                    if site.turns.is_over():
                        await site.turns.wait()
                    left -= len(piece)
                    site.unsent.bytes -= len(piece)
            finally:
                site.unsent.bytes -= left

        await app(scope, receive, send_pieces)

    return inner
