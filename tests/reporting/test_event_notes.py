"""What a list of events says of each."""

import json

import pytest

from reporting.event_notes import event_note
from reporting.outages import MainsOutage


def event(name, detail="", figures=None, ended_at="2026-11-28T10:01:00.000Z", acknowledged=None):
    return {
        "event": name,
        "detail": detail,
        "figures": json.dumps(figures or {}),
        "ended_at": ended_at,
        "acknowledged": acknowledged,
    }


def outage(wh, charge, volts):
    return MainsOutage(1, "2026-11-28T10:00:00.000Z", None, 60.0, [], "mains", True, wh, charge, volts)


@pytest.mark.parametrize(
    ("given", "of", "expected"),
    [
        (event("ONBATT"), outage(14.46, 96.0, 12.65), "down to 96 %, 14.5 Wh"),
        (event("ONBATT", "began unseen"), outage(None, None, 11.75), "down to 11.75 V, began unseen"),
        (event("ONBATT"), outage(None, None, None), ""),
        (event("TEST", figures={"result": "Done and passed", "started_by": "the UPS"}), None,
         "Done and passed, started by the UPS"),
        (event("NODE_BATTERY_LOW", "battery 19 %", {"value": 19.0}, None), None, "battery 19 %"),
        (event("NODE_SILENT", "silent for more than 600 s", acknowledged="acknowledged by owner"), None,
         "silent for more than 600 s, acknowledged by owner"),
    ],
)  # fmt: skip
def test_a_note_has_what_was_measured_and_what_was_said(given, of, expected):
    assert event_note(given, of).replace("\u202f", " ") == expected
