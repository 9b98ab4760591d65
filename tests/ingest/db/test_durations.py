"""Durations as text: the same in Python, in SQL and in the browser."""

import re
import sqlite3
from pathlib import Path

import pytest

from ingest.db.durations import UNITS, duration_sql, format_duration

TEXTS = [
    (0, "0 s"),
    (119, "119 s"),
    (120, "2 min"),
    (7199, "120 min"),
    (7200, "2 h"),
    (172_799, "48 h"),
    (172_800, "2 d"),
    (3 * 86_400, "3 d"),
]


@pytest.mark.parametrize(("seconds", "text"), TEXTS)
def test_python_and_sql_give_the_same_text(seconds, text):
    assert format_duration(seconds) == text
    assert (
        sqlite3.connect(":memory:").execute(f"select {duration_sql('?1')}", (seconds,)).fetchone()[0] == text
    )


def test_the_browser_has_the_same_units():
    script = (Path(__file__).parents[3] / "static/live.js").read_text(encoding="utf-8")
    table = re.search(r"UNITS = \[(.*)\];", script)[1].replace("Infinity", "inf")
    assert re.findall(r'\[(\w+), (\d+), "(\w+)"\]', table) == [
        (str(below), str(size), unit) for below, size, unit in UNITS
    ]
