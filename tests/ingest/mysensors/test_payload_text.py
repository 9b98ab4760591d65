"""Payloads whose bytes are no UTF-8: the line counts, the text is the best reading, the bytes are kept."""

import json
import sqlite3

import pytest

from ingest.db.connection import connect, transaction
from ingest.mysensors.framing import CUT_OFF, FIRST_LINE, LineDecoder
from ingest.mysensors.payload_text import CUT, LATIN_1, RawText, clean_text, decode_payload
from ingest.mysensors.replay import replay
from tests.helpers.new_database import new_database

CYRILLIC = "Датчик на кухне".encode()


@pytest.mark.parametrize(
    ("raw", "text", "reason"),
    [
        # The library cuts at 25 bytes, a signed message at 23, be it inside a character.
        (CYRILLIC[:25], "Датчик на кух", CUT),
        (CYRILLIC[:23], "Датчик на ку", CUT),
        (("x" * 24 + "ö").encode()[:25], "x" * 24, CUT),
        ("温度センサー居間の窓".encode()[:25], "温度センサー居間", CUT),
        ("Wohnzimmer Temperatur 🌡️".encode()[:25], "Wohnzimmer Temperatur ", CUT),
        ("Wohnzimmer Temperatur 🌡️".encode()[:23], "Wohnzimmer Temperatur ", CUT),
        ("Wohnzimmer Temperatur 🌡️".encode()[:24], "Wohnzimmer Temperatur ð\x9f", LATIN_1),
        ("Büro ö".encode()[:-1], "Büro ", CUT),  # cut by a buffer of the sketch: the rest is UTF-8
        # Latin-1, as editors of Windows save a sketch.
        (b"\xb0C", "°C", LATIN_1),
        (b"21.5\xb0", "21.5°", LATIN_1),
        (b"\xb5g/m\xb3", "µg/m³", LATIN_1),
        (b"caf\xe9", "café", LATIN_1),
        (b"m\xb2;k\xfchl", "m²;kühl", LATIN_1),
        (b"\xff", "ÿ", LATIN_1),
        ("°".encode() + b" \xb0", "Â° °", LATIN_1),
        (b"plain", "plain", None),
        ("µg/m³".encode(), "µg/m³", None),
        (b"", "", None),
        (b"nul\x00l", "nul\x00l", None),
    ],
)
def test_the_text_of_a_payload(raw, text, reason):
    found = decode_payload(raw)
    assert found == text
    assert getattr(found, "reason", None) == reason
    assert not isinstance(found, RawText) or found.raw == raw


@pytest.mark.parametrize("line", [b"", b"\r", b"  ", b"\r\r"])
def test_empty_lines_are_ignored(line):
    decoder = LineDecoder()
    assert decoder.decode_block(line + b"\n7;1;1;0;0;20\r\n" + line + b"\n") == (
        [((7, 1, 1, 0, 0), "20")],
        [],
    )
    decoder.decode_block(line)
    assert decoder.finish() == []


def test_an_empty_first_line_is_no_beginning_that_is_missing():
    assert LineDecoder(starts_mid_line=True).decode_block(b"\r\n7;1;1;0;0;20\n")[1] == []


@pytest.mark.parametrize(
    "line",
    [b"7\xff;1;1;0;0;20", b"\xfe7;1;1;0;0;20", b"7;1;1;0\xb0", b"7;1;9;0;0;\xb0", b"\xd9\xa7;1;1;0;0;\xb0C"],
)
def test_a_broken_header_is_a_reject(line):
    messages, [(raw, reason)] = LineDecoder().decode_block(line + b"\n")
    assert messages == []
    assert raw and reason


def test_a_line_is_not_lost_and_its_bytes_are_kept(tmp_path):
    path = tmp_path / "telemetry.db"
    new_database(path)
    lines = [
        b"7;255;0;0;17;2.3.2",
        b"7;255;3;0;11;" + CYRILLIC[:25],
        b"7;1;0;0;6;" + CYRILLIC[:25],
        b"7;1;1;0;43;\xb0C",
        b"7;2;1;0;47;21\xb0",
        b"7;2;1;0;47;fine",
    ]
    replay(path, "main", "tcp here:5003", [(1_800_000_000.0, line) for line in lines], "UTC")
    connection = sqlite3.connect(path)
    assert connection.execute("select count(*) from rejects").fetchone() == (0,)
    assert connection.execute("select payload, raw from messages order by id").fetchall() == [
        ("2.3.2", None),
        ("Датчик на кух", CYRILLIC[:25]),
        ("Датчик на кух", CYRILLIC[:25]),
        ("°C", b"\xb0C"),
        ("21°", b"21\xb0"),
        ("fine", None),
    ]
    assert connection.execute("select sketch_name from nodes").fetchone() == ("Датчик на кух",)
    assert connection.execute("select description from sensors order by id").fetchone() == ("Датчик на кух",)
    assert connection.execute("select text from channels order by id").fetchall() == [("°C",), ("fine",)]
    reasons = connection.execute("select message, reason from oddities order by id").fetchall()
    assert reasons == [(2, CUT), (3, CUT), (4, LATIN_1), (5, LATIN_1)]


def test_what_every_opening_of_a_port_brings_needs_no_attention(tmp_path):
    path = tmp_path / "telemetry.db"
    new_database(path)
    connection = connect(path)
    add = """insert into rejects (received_at, source, raw, reason)
    values (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'main', '1;2', ?)"""
    with transaction(connection):
        connection.executemany(add, [(CUT_OFF,), (FIRST_LINE,)])
    assert connection.execute("select * from attention").fetchall() == []
    with transaction(connection):
        connection.execute(add, ("4 fields",))
    assert len(connection.execute("select * from attention").fetchall()) == 1
    connection.close()


def test_texts_of_files_of_other_programs():
    assert clean_text("°C") == "°C"
    assert clean_text(b"\xb0C".decode(errors="surrogateescape")) == "°C"
    assert clean_text(json.loads('"\\udcb0C"')) == "°C"  # as Python's json writes such a text
    assert clean_text(json.loads('"\\ud83d"')) == "\ufffd"
