"""Long work and long answers: others come in between, and what slow clients do not take is bounded."""

import asyncio
import time
from types import SimpleNamespace

from plugins.web.app.database import MAX_UNSENT
from plugins.web.app.unsent import PIECE, send_in_pieces
from plugins.web.site import Unsent
from plugins.web.turns import TURN_S, Turns


def test_others_come_in_between_long_work():
    order = []

    async def work(turns, name):
        async for _ in turns.iterate(range(3)):
            order.append(name)
            time.sleep(TURN_S)  # each item is a turn

    async def run():
        turns = Turns()
        other = asyncio.create_task(work(turns, "other"))
        await work(turns, "one")
        await other

    asyncio.run(run())
    assert sorted(order) == ["one"] * 3 + ["other"] * 3
    assert order[:3] != ["one"] * 3 and order[:3] != ["other"] * 3


def test_a_long_answer_leaves_in_pieces_and_is_counted_until_then():
    site = SimpleNamespace(unsent=Unsent(), turns=Turns())
    body, sent, counted = bytes(range(256)) * 1000, [], []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    async def send(message):
        sent.append(message)
        counted.append(site.unsent.bytes)

    asyncio.run(send_in_pieces(app, site)({"type": "http"}, None, send))
    assert b"".join(one.get("body", b"") for one in sent) == body + b"end"
    assert max(len(one.get("body", b"")) for one in sent) == PIECE
    assert [one["more_body"] for one in sent[1:-1]] == [True] * 4
    assert counted[:3] == [0, len(body), len(body) - PIECE] and site.unsent.bytes == 0


def test_an_answer_that_is_broken_off_is_counted_no_more():
    site = SimpleNamespace(unsent=Unsent())

    async def app(scope, receive, send):
        await send({"type": "http.response.body", "body": b"x" * 200_000})

    async def send(message):
        raise asyncio.CancelledError

    async def run():
        await asyncio.wait([asyncio.create_task(send_in_pieces(app, site)({"type": "http"}, None, send))])

    asyncio.run(run())
    assert site.unsent.bytes == 0


def test_no_answers_are_made_while_too_many_wait_for_their_clients(site):
    site.datasette.unsent.bytes = MAX_UNSENT + 1
    for path in ("/telemetry.json?sql=select+1", "/telemetry/messages.json"):
        refused = site.get(path)
        assert refused.status_code == 503 and "Too many queries" in refused.text
    assert site.get("/nodes").status_code == 200
