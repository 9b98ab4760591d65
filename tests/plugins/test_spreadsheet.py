"""CSV by the links of pages: texts that a spreadsheet would run are shown as text; numbers stay."""

import csv
import html
import io
import re
import time
from urllib.parse import quote

import pytest

from ingest.mysensors.replay import replay
from plugins.web.app.spreadsheet_csv import SpreadsheetResponse
from reporting.spreadsheet_csv import show_as_text
from tests.plugins.site_helpers import BROWSER

FORMULAS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    '=HYPERLINK("http://x";"a,b")',
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
    "-",
    "--1",
    "+39 333",
    "-3.2.1",
    "-3,2",
    '=\n=1\n"',
]
PLAIN = [
    "-3.2",
    "+3",
    "-0",
    "-.5",
    "-1e-05",
    "1",
    "",
    "a",
    "a=1",
    "'=1",
    "x\n=1",
    '"=1"',
    "12-3",
    "2026-11-30",
    "ü",
    "#1",
]


def written(*rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def read(body):
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def test_formulas_get_an_apostrophe_and_all_else_stays():
    body = written(["name", "=head", "x"], *([one, one, 5] for one in (*FORMULAS, *PLAIN)))
    rows = read(show_as_text(body))
    assert rows[0] == ["name", "'=head", "x"]
    assert rows[1:] == [["'" + one, "'" + one, "5"] for one in FORMULAS] + [[one, one, "5"] for one in PLAIN]


def test_rows_in_pieces(site):
    body = written(*([one, "=x"] for one in (*FORMULAS, *PLAIN)))
    for size in (1, 7, 1000):
        sent = []

        async def client(message, sent=sent):
            sent.append(message)

        async def play(client=client, size=size):
            response = SpreadsheetResponse(client)
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"1")]
            await response.take({"type": "http.response.start", "status": 200, "headers": headers})
            for at in range(0, len(body), size):
                await response.take(
                    {"type": "http.response.body", "body": body[at : at + size], "more_body": True}
                )
            await response.take({"type": "http.response.body", "body": b""})

        site.run(play())
        assert b"".join(message["body"] for message in sent[1:]) == show_as_text(body)
        assert len(sent[0]["headers"]) == 1


@pytest.fixture
def hostile(site):
    lines = [
        b"9;255;3;0;11;=cmd|x",
        b"9;1;1;0;47;+SUM(1)",
        b"9;1;1;0;0;-3.2",
        "9;1;1;0;47;\u202e=1+1".encode(),
    ]
    replay(
        site.datasette.databases["telemetry"].path,
        "main",
        "tcp main:5003",
        [(time.time(), line) for line in lines],
        "UTC",
    )
    return site


def test_every_csv_link_of_pages_asks_for_it(hostile):
    pages = [
        "/telemetry/messages",
        "/telemetry/node_overview",
        "/telemetry/stale_nodes",
        "/api",
        "/radio",
        "/nodes/main/9",
    ]
    pages += [
        "/telemetry?sql=" + quote("select '=1' as \"=a\", -3.2 as b"),
        "/",
        "/events",
        "/telemetry/messages?_sort=id",
    ]
    found = []
    for path in pages:
        page = hostile.page(path)
        found += [html.unescape(link) for link in re.findall(r'href="([^"]*\.csv[^"]*)"', page)]
        for form in re.findall(r'<form action="[^"]*\.csv".*?</form>', page, re.S):
            assert 'name="_spreadsheet" value="1"' in form
    assert len(found) > 10
    assert [link for link in found if "_spreadsheet=1" not in link] == []
    texts = {hostile.get(link).text for link in found if "/messages.csv" in link or "sql=" in link}
    cells = {cell for text in texts for row in csv.reader(io.StringIO(text, newline="")) for cell in row}
    assert {"'=cmd|x", "'+SUM(1)", "-3.2", "'=1+1", "'=a", "'=1"} <= cells
    assert not [cell for cell in cells if re.match("[=+@]", cell)]


def test_programs_get_the_values_as_they_are(hostile):
    rows = read(hostile.get("/telemetry/messages.csv?_size=max").content)
    assert any("+SUM(1)" in row for row in rows)
    assert hostile.get("/telemetry/messages.json?_spreadsheet=1&_shape=array").json()[0]
    assert "<html" in hostile.get("/telemetry/messages?_spreadsheet=1", headers=BROWSER).text
