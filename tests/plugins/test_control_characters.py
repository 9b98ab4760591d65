"""Control characters in what devices send: kept in the database, shown as pictures in every format."""

import json
import re
import time
from xml.etree import ElementTree

import pytest

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.mysensors.replay import replay
from plugins.web.app.control_characters import ShownResponse, show_control_characters
from tests.plugins.site_helpers import BROWSER

NAME = "Ro\x00om\x1b[31m \x07\x7f\x9b\u0085\ufffe end"
SHOWN = "Ro␀om␛[31m ␇␡\ufffd\ufffd\ufffd end"
TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (NAME.encode(), SHOWN.encode()),
        (b"a\tb\r\nc", b"a\tb\r\nc"),
        ("Grüße °C µ 温度 🌡 \u00a0".encode(), "Grüße °C µ 温度 🌡 \u00a0".encode()),
        (b"", b""),
        *((f"a{turn}b".encode(), b"ab") for turn in TURNS),
        ("שלום · مرحبا – ’ … ⁠".encode(), "שלום · مرحبا – ’ … ⁠".encode()),  # letters that run to the left stay
    ],
)
def test_what_is_shown(body, shown):
    assert show_control_characters(body) == shown


def send(site, content_type, chunks):
    """What a client gets of a response in chunks: its headers and its body."""
    sent = []

    async def client(message):
        sent.append(message)

    async def play():
        response = ShownResponse(client)
        headers = [(b"content-type", content_type), (b"content-length", str(len(b"".join(chunks))).encode())]
        await response.take({"type": "http.response.start", "status": 200, "headers": headers})
        for number, chunk in enumerate(chunks, 1):
            await response.take(
                {"type": "http.response.body", "body": chunk, "more_body": number < len(chunks)}
            )

    site.run(play())
    return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


def test_chunks_lengths_and_files(site):
    turned = f"a{TURNS}é–b".encode()
    assert send(site, b"text/html", [turned[n : n + 1] for n in range(len(turned))])[1] == "aé–b".encode()
    body = NAME.encode()
    headers, whole = send(site, b"text/html; charset=utf-8", [body])
    assert (whole, headers[b"content-length"]) == (SHOWN.encode(), str(len(SHOWN.encode())).encode())
    headers, pieces = send(site, b"text/csv", [body[n : n + 1] for n in range(len(body))])
    assert (pieces, headers.get(b"content-length")) == (SHOWN.encode(), None)
    assert send(site, b"application/octet-stream", [body])[1] == body
    assert send(site, b"text/javascript", [body])[1] == body


@pytest.fixture
def noisy(site):
    path = site.datasette.databases["telemetry"].path
    now = time.time()
    lines = [b"9;255;0;0;17;2.3.2", b"9;255;3;0;11;" + NAME.encode(), b"9;1;0;0;36;" + NAME.encode()]
    lines += [b"9;1;1;0;47;" + NAME.encode(), b"9;\x1b1;junk"]
    replay(path, "main", "tcp main:5003", [(now, line) for line in lines], "UTC")
    connection = connect(path)
    with transaction(connection):
        connection.execute(
            "insert into events (event, node, started_at, detail) values ('NODE_SILENT', 9, ?, ?)",
            (format_utc(now - 60), NAME),
        )
    connection.close()
    return site


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nodes",
        "/nodes/main/9",
        "/radio",
        "/events",
        "/events.atom",
        "/metrics",
        "/telemetry/messages",
        "/telemetry/messages.csv?_stream=1",
        "/telemetry/messages.json?_shape=array",
        "/telemetry/value_latest",
        "/telemetry/strange_messages",
        "/telemetry/node_messages.csv?node=9",
    ],
)
def test_no_page_holds_a_control_character(noisy, path):
    response = noisy.get(path, headers=BROWSER if "." not in path else {})
    assert response.status_code == 200
    text = response.content.decode()
    assert RAW.search(text) is None
    if path.endswith(".atom"):
        ElementTree.fromstring(text)
    if ".json" in path:
        assert any(row["payload"].startswith("Ro") for row in json.loads(text))
    elif path not in ("/events", "/events.atom", "/telemetry/strange_messages"):
        assert "Ro␀om␛[31m" in text


def test_the_database_keeps_them(noisy):
    (payload,) = noisy.rows("select payload from messages where node = 9 and type_name = 'V_TEXT'")[0]
    assert payload == NAME
