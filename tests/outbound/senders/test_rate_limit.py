"""A service that answers 429 is left alone for as long as it asks."""

import asyncio
import time

import pytest

from ingest.severity import Severity
from outbound.alerts.model import AlertMessage, DeliveryKind
from outbound.senders import SendError
from outbound.senders.apprise import AppriseSender
from outbound.senders.http_answers import HttpAnswers
from outbound.senders.rate_limit import RateLimit, pause_s
from tests.outbound.senders.http_receiver import receiving

MESSAGE = AlertMessage("Rack: on battery", "text", Severity.WARNING, DeliveryKind.BEGIN)
NOW = 1_796_036_400.0  # Mon, 30 Nov 2026 11:00:00 GMT
PAUSES = [
    ("30", b"", 30.0),
    ("0", b"", 1.0),
    ("1.5", b"", 1.5),
    ("86400", b"", 900.0),
    ("-5", b"", 1.0),
    ("nan", b"", 20.0),
    ("Mon, 30 Nov 2026 11:02:00 GMT", b"", 120.0),
    ("Mon, 30 Nov 2020 11:02:00 GMT", b"", 1.0),
    ("soon", b"", 20.0),
    ("", b"", 20.0),
    ("", b'{"message":"You are being rate limited.","retry_after":64.57,"global":false}', 64.57),
    ("", b'{"ok":false,"error_code":429,"parameters":{"retry_after":35}}', 35.0),
    ("", b'{"retry_after":true,"parameters":[]}', 20.0),
    ("", b"[429]", 20.0),
    ("", b'{"retry_after":1e999}', 20.0),
]


@pytest.mark.parametrize(("header", "body", "expected"), PAUSES)
def test_how_long_a_service_asks_for(header, body, expected):
    assert pause_s(HttpAnswers(429, body=body, retry_after=header), NOW) == expected


def test_other_answers_ask_for_no_pause():
    limit = RateLimit()
    limit.note(HttpAnswers(503, retry_after="60"))
    assert limit.left_s() == 0.0


def test_nothing_is_asked_of_the_service_meanwhile():
    with receiving() as receiver:
        receiver.status, receiver.headers = 429, {"Retry-After": "1"}

        async def attempts():
            sender = AppriseSender(f"json://{receiver.place}/")
            with pytest.raises(SendError, match="HTTP 429 Too Many Requests"):
                await sender.send(MESSAGE)
            receiver.status = 200
            with pytest.raises(SendError, match="asks for a pause, of 1 s more"):
                await sender.send(MESSAGE)
            await asyncio.sleep(1.1)
            return await sender.send(MESSAGE)

        began = time.monotonic()
        assert asyncio.run(attempts()) == "HTTP 200 OK"
        assert len(receiver.requests) == 2 and time.monotonic() - began < 5
