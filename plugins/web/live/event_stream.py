"""/-/events.stream: beginnings and ends of events as Server-Sent Events, while a client listens.

https://html.spec.whatwg.org/multipage/server-sent-events.html: the id of an item is `event_changes.seq`,
which a client sends as `Last-Event-ID` when it connects again.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import NamedTuple

from datasette import Request, Response
from starlette.types import Receive, Send

from ingest.orders.numbers import whole_number
from ingest.orders.outcome import RefusedError
from plugins.web.auth.sign_in import address_key
from plugins.web.query import Row, select
from plugins.web.responses import needed
from plugins.web.site import Site

KEEPALIVE_S = 15.0  # a proxy closes what is silent for a minute
LONGEST_S = 3600.0  # then the client connects again, and its rights are looked at again
BATCH = 200  # items that are read at once
NEWEST = "select coalesce(max(seq), 0) as seq from event_changes"
# An event that was deleted meanwhile has a row without `event`.
ITEMS = f"""select c.seq, c.change, c.at, e.event, e.id, e.kind, e.name, e.label, e.words, e.severity,
  e.detail, e.started_at, case c.change when 'end' then coalesce(e.ended_at, c.at) end as ended_at
from event_changes c left join all_events e on e.id = c.event where c.seq > ? order by c.seq limit {BATCH}"""


class Wanted(NamedTuple):
    """What a client asks for: changes after `seq`, for so many seconds."""

    seq: int
    for_s: float


async def stream(datasette: Site, request: Request, receive: Receive) -> "EventStream | Response":
    """GET /-/events.stream"""
    last = (request.headers.get("last-event-id") or request.args.get("last_event_id") or "").strip()
    limit = (request.args.get("for_s") or "").strip()
    for name, text in (("Last-Event-ID", last), ("for_s", limit)):
        if text and whole_number(text, digits=15) is None:
            raise RefusedError(400, f"{name} is a whole number; leave it out for new items alone")
    newest: int = needed(await select(datasette, NEWEST))[0]["seq"]
    # An id that is not there yet is one of another database.
    seq = min(int(last), newest) if last else newest
    wanted = Wanted(seq, min(float(limit), LONGEST_S) if limit else LONGEST_S)
    place = ExitStack()
    place.enter_context(datasette.event_streams.place(address_key(request.scope)))
    return EventStream(datasette, place, wanted, receive, request.method == "HEAD")


class EventStream:
    """A response that lasts until its client goes, its time is over, or the site stops; `place` ends then."""

    def __init__(self, site: Site, place: ExitStack, wanted: Wanted, receive: Receive, is_head: bool) -> None:
        self._site, self._place, self._wanted, self._receive = site, place, wanted, receive
        self._is_head = is_head

    async def asgi_send(self, send: Send) -> None:
        """Answer the request."""
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
            "x-accel-buffering": "no",  # nginx passes each item on at once
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        with self._place:
            await send({"type": "http.response.start", "status": 200, "headers": raw})
            if not self._is_head:
                await self._send_until_gone(send)
            await send({"type": "http.response.body", "body": b""})

    async def _send_until_gone(self, send: Send) -> None:
        sending = asyncio.create_task(self._send_all(send))
        gone = asyncio.create_task(self._client_gone())
        try:
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, gone):
                task.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)

    async def _client_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _send_all(self, send: Send) -> None:
        async for text in self._texts():
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def _texts(self) -> AsyncIterator[str]:
        """The items, and comments where there are none."""
        seq, end = self._wanted.seq, time.monotonic() + self._wanted.for_s
        streams = self._site.event_streams
        yield f": changes after {seq}\n\n"
        while not streams.stopped:
            rows = await select(self._site, ITEMS, [seq])
            for row in rows or ():
                seq = row["seq"]
                if row["event"] is not None:
                    yield item(row)
            left_s = end - time.monotonic()
            if len(rows or ()) == BATCH:
                continue
            if left_s <= 0:
                return
            if not await streams.wait(self._read_newest, seq, min(KEEPALIVE_S, left_s)):
                yield ": no change\n\n"

    async def _read_newest(self) -> int | None:
        rows = await select(self._site, NEWEST)
        return rows[0]["seq"] if rows else None


def item(row: Row) -> str:
    """A row of ITEMS as the stream sends it."""
    return f"id: {row['seq']}\ndata: {json.dumps({k: v for k, v in row.items() if k != 'seq'})}\n\n"
