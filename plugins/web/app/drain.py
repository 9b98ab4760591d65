"""Answers that arrive: a refusal may come before the body of its request was read, and a connection that is closed on
unread bytes takes the answer along, on its way through a proxy as in a browser. So the rest is read first, and dropped.
"""

import asyncio
import contextlib

MOST = 64 * 1024 * 1024  # bytes; who sends more loses the answer
LONGEST_S = 20


def drained(app):
    """Wrap the ASGI application."""

    async def inner(scope, receive, send):
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            return await app(scope, receive, send)
        more = True

        async def noting():
            nonlocal more
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def send_after(message):
            if message["type"] == "http.response.start":
                with contextlib.suppress(TimeoutError):  # who is slower than that loses the answer
                    async with asyncio.timeout(LONGEST_S):
                        seen = 0
                        while more and seen < MOST:
                            seen += len((await noting()).get("body", b""))
            await send(message)

        await app(scope, noting, send_after)

    return inner
