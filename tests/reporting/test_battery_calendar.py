"""The calendar of batteries as RFC 5545 has it: lines, folding, escaping, days, ids that stay."""

from datetime import date

import pytest

from ingest.db.time import parse_utc
from ingest.forecast.text import about
from reporting.battery_calendar import OCTETS, escape, fold, render_calendar

NOW = parse_utc("2026-03-01T12:00:00.000Z")
ROW = {
    "node": 12,
    "name": "Große Küche; hinten, links 🌡",
    "ref": "main/12",
    "href": "/nodes/main/12",
    "level": 41.0,
    "empty_on": "2026-05-03",
    "empty_at": "2026-05-03T10:00:00.000Z",
    "low_at": "2026-04-20T10:00:00.000Z",
    "high_at": "2026-05-25T10:00:00.000Z",
    "computed_at": "2026-03-01T11:00:00.000Z",
    "basis": "levels of 200 days since 2025-08-01, 100 to 41 %",
}


def unfolded(text):
    return text.replace("\r\n ", "").split("\r\n")


def test_a_forecast_is_a_day_with_a_reminder():
    rows = [ROW, ROW | {"node": 13, "empty_on": None, "empty_at": None}]
    text = render_calendar("House, home", "0a1b2c3d", "http://pi:8001", rows, "Europe/Rome", NOW)
    assert text.endswith("END:VCALENDAR\r\n") and "\n" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= OCTETS for line in text.split("\r\n"))
    lines = unfolded(text)
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 1
    for line in (
        "UID:battery-12@0a1b2c3d.voltkeeper",
        "DTSTAMP:20260301T110000Z",
        "DTSTART;VALUE=DATE:20260503",
        "DTEND;VALUE=DATE:20260504",
        "SUMMARY:Battery of Große Küche\\; hinten\\, links 🌡 (main/12) empty",
        "URL:http://pi:8001/nodes/main/12",
        "TRIGGER:-P14D",
        "X-WR-CALNAME:House\\, home: batteries",
    ):
        assert line in lines
    assert any("Level 41 %. Empty about 3 May (20 April to 25 May)." in line for line in lines)


def test_the_id_stays_when_the_forecast_moves():
    later = ROW | {"empty_on": "2026-06-01"}
    texts = [render_calendar("x", "k", "", [row], "UTC", NOW) for row in (ROW, later)]
    ids = [[line for line in unfolded(text) if line.startswith("UID:")] for text in texts]
    assert texts[0] != texts[1] and ids[0] == ids[1] != []


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("a\\b;c,d", "a\\\\b\\;c\\,d"), ("two\nlines", "two\\nlines"), ("bell\x07\r", "bell")],
)
def test_escaping(text, escaped):
    assert escape(text) == escaped


@pytest.mark.parametrize("char", ["x", "ü", "🌡"])
def test_folding_never_cuts_a_character(char):
    line = "SUMMARY:" + char * 200
    parts = fold(line)
    assert parts[0] + "".join(part[1:] for part in parts[1:]) == line
    assert all(part[0] == " " for part in parts[1:]) and max(len(part.encode()) for part in parts) <= OCTETS


def test_years_are_named_where_they_are_others():
    days = date(2027, 1, 3), date(2026, 12, 20), date(2027, 2, 1)
    assert about(*days, date(2026, 11, 1)) == "about 3 January 2027 (20 December to 1 February 2027)"
    assert about(*[date(2026, 5, 3)] * 3, date(2026, 11, 1)) == "on 3 May"
