"""Files with values of any type, depth and length: what fits is imported, the rest skipped."""

import contextlib
import json
import sqlite3
import time

import pytest

from ingest.transfer.foreign_values import parse_json, text_of
from ingest.transfer.importers.upslog import DEFAULT, Format
from ingest.transfer.records import TransferError
from ingest.transfer.streams import MAX_LINE
from ingest.transfer.timestamps import TimestampParser
from tests.ingest.transfer.nutify_file import make_new
from tests.ingest.transfer.tracker_file import make_tracker

ODD = [
    None,
    True,
    -1,
    1.5,
    10**30,
    1e308,
    "",
    "x\ud800",
    "\x00",
    "²",
    "a" * 3000,
    [],
    {},
    [[1]],
    {"a": {"b": [1]}},
]
NODE = {"sensor_id": 5, "children": {}, "type": 17}


def take(site, path):
    """The outcome, or the message of a file that is refused; nothing else may happen."""
    try:
        return site.take(path)
    except TransferError as error:
        return str(error)


@pytest.mark.parametrize("ids", [("sensor_id", "id", "type"), ("node_id", "child_id", "node_type")])
def test_a_network_with_any_value_in_any_place(site, tmp_path, ids):
    node_id, child_id, node_type = ids
    nodes = {}
    for number, odd in enumerate(ODD, 1):
        child = {
            child_id: 1,
            "type": 6,
            "description": odd,
            "values": {"0": odd, "1": "55", "٣": "1", "²": "1"},
        }
        for key in ("sketch_name", "sketch_version", "battery_level", "protocol_version", node_type):
            nodes[f"{number} {key}"] = {node_id: number, "children": {"1": child}, key: odd}
        nodes[f"{number} id"] = {node_id: odd, "children": {}}
        children = {"1": {child_id: odd}, "2": {child_id: 2, "type": odd, "child_type": odd, "values": odd}}
        nodes[f"{number} child"] = {node_id: number, "children": children}
    path = tmp_path / "mysensors.json"
    path.write_text(json.dumps(nodes))
    outcome = take(site, path)["nodes, sensors and values"]
    assert outcome.stored > len(ODD) and outcome.skipped
    names = {name for (name,) in site.rows("select sketch_name from nodes")}
    assert {"-1", "1.5", "x\ufffd", "a" * 3000, None} <= names
    assert not [name for name in names if name and name.startswith(("[", "{"))]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 200_000,
        '{"1": ' + "[" * 200_000,
        '{"1": {"sensor_id": 1, "children": {}, "x": ' + "[" * 100_000 + "]" * 100_000 + "}}",
        '{"1": {"sensor_id": ' + "9" * 5000 + ', "children": {}}}',
        '{"1": {"sensor_id": 1, "children": []}}',
        '{"1": []}',
        "{}",
        "[]",
        '{"key": "core.config", "data": [}',
        "\x00" * 100,
        "received_at,node_id\r1,2",
        "a,\rb\n",
        '"' * 9999 + ",",
    ],
)
def test_a_file_of_no_kind_is_refused(site, tmp_path, text):
    path = tmp_path / "file.json"
    path.write_text(text)
    assert str(path) in take(site, path)


def test_csv_with_huge_and_odd_fields(site, tmp_path):
    at = "2026-11-20T10:00:0"
    rows = [
        f"{at}0Z,5,1,0,21.5",
        f"{at}1Z,5,1,0,{'x' * 200_000}",
        f"{at}2Z,5,1,0,{'x' * (2 * MAX_LINE + 5)}",
        f'{at}3Z,5,1,0,"open',
        f"{at}4Z,5,1,0,a\rb",
        f"{at}5Z,5,1,0,\x00",
        f"{at}6Z,{'9' * 5000},1,0,1",
        f"{at}7Z,5,1,²,1",
        ",,,,",
        "," * 100_000,
        f"{at}8Z,5,1,0,22.5",
    ]
    path = tmp_path / "values.csv"
    path.write_bytes(("received_at,node_id,child_id,type,value\n" + "\n".join(rows) + "\n").encode())
    (outcome,) = take(site, path).values()
    assert any("bytes" in reason for reason in outcome.skipped) and "not a CSV line" in outcome.skipped
    texts = [text for (text,) in site.rows("select payload from messages order by id")]
    assert texts[0] == "21.5" and texts[-1] == "22.5" and max(map(len, texts)) < 1000
    (again,) = take(site, path).values()
    assert (again.stored, again.skipped.total()) == (0, 0)


def test_a_line_that_never_ends_holds_little_memory_and_what_follows_is_read(site, tmp_path):
    path = tmp_path / "ups.log"
    good = "20261120 100000 100 230 12 [OL] NA 50.0\n"
    path.write_text(good + "x" * (5 * MAX_LINE) + "\n" + good.replace("1000", "1001"))
    (outcome,) = [one for one in take(site, path).values() if one.skipped]
    assert (outcome.stored, outcome.skipped.total()) == (2, 1)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        (DEFAULT, "20261120 100000" + " " * 3000),
        (DEFAULT, "20261120 100000 " + "1 " * 1500 + "["),
        ("%TIME @s% %VAR a%,%VAR b%,%VAR c%,%VAR d%,%VAR e%;", "1" + " 1," + "," * 3000),
        ("%ETIME% %VAR a% %VAR b% %VAR c% %VAR d% %VAR e% %VAR f%!", "1 " + "a " * 1800),
    ],
)
def test_a_line_full_of_separators_costs_no_time(form, line):
    begin = time.process_time()
    with contextlib.suppress(ValueError):
        assert Format(form).parse(line, TimestampParser("UTC")) is None
    assert time.process_time() - begin < 1


def test_values_of_an_upslog_may_still_hold_separators():
    line = "20261120 100000 100.0 230.1 12 [OL CHRG BOOST] NA 50.0"
    found = Format(DEFAULT).parse(line, TimestampParser("UTC"))
    assert found is not None and found[1]["ups.status"] == "OL CHRG BOOST"


def spoil(path, *tables):
    """Put any value into any column but keys and times."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        odd = [
            b"\xff\xfe",
            -1,
            1.5,
            2**63 - 1,
            "x" * 3000,
            "\x00",
            "",
            "[" * 50_000,
            '{"a": "\\ud800", "b": [1], "c": {}}',
        ]
        for table in tables:
            columns = [
                row[1] for row in db.execute(f'pragma table_info("{table}")') if not row[5] and row[1] != "id"
            ]
            keys = [key for (key,) in db.execute(f'select rowid from "{table}"')]
            for number, key in enumerate(keys[:200]):
                column = columns[number % len(columns)]
                with contextlib.suppress(sqlite3.IntegrityError):
                    db.execute(
                        f'update "{table}" set "{column}" = ? where rowid = ?', (odd[number % len(odd)], key)
                    )
        db.commit()


def test_a_tracker_with_any_value_in_any_place(site, tmp_path):
    path = tmp_path / "mysensors.db"
    make_tracker(path, count=400)
    with contextlib.closing(sqlite3.connect(path)) as db:
        values = [(1, 1), ("x", 2), (70000, 3), (b"a", 4), (2, 5)]
        for number, (type, version) in enumerate(values):
            text = [None, b"\xff", 5, "no hex", ":00000001FF"][number]
            db.execute(
                "insert into firmware values (?, ?, ?, 1, 1, ?, ?, ?)",
                (number, type, version, text or "", text or "", text or ""),
            )
        db.commit()
    spoil(path, "node", "sensor", "valuetype", "message", "firmware")
    outcomes = take(site, path)
    assert outcomes["message"].stored > 100 and outcomes["firmware"].skipped.total() >= 4


def test_a_nutify_file_with_any_value_in_any_place(site, tmp_path):
    path = tmp_path / "nutify.db.sqlite"
    make_new(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
    spoil(path, *[name for name in tables if not name.startswith("sqlite_")])
    assert not isinstance(take(site, path), str)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\udcff", "aÿ"),
        (b"\xe9", "é"),
        (1, "1"),
        (1.5, "1.5"),
        (2**63, None),
        (True, None),
        (None, None),
        ([], None),
        ({}, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_the_text_of_a_value(value, text):
    assert text_of(value) == text


def test_json_that_is_nested_too_deeply_is_no_json():
    with pytest.raises(ValueError, match="nested"):
        parse_json("[" * 200_000 + "]" * 200_000)
