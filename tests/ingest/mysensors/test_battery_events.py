"""NODE_BATTERY_LOW: which levels open and close it, as rows."""

import pytest

from tests.ingest.mysensors.test_events import days as days  # a fixture

ROWS = "select detail, ended_at is null from events where event = 'NODE_BATTERY_LOW' order by id"


@pytest.mark.parametrize(
    ("levels", "rows"),
    [
        (("20",), []),
        (("19",), [("battery 19 %", 1)]),
        (("19", "21", "24", "18"), [("battery 19 %", 1)]),  # the temperature
        (("0", "100"), [("battery 0 %, at the end 100 %", 0)]),
        (("19", "25", "19"), [("battery 19 %, at the end 25 %", 0), ("battery 19 %", 1)]),
        (("255", "-1", "nan", "", "101 "), []),
        (("19", "255"), [("battery 19 %", 1)]),  # not understood: it is not charged by that
    ],
)
def test_levels(days, levels, rows):
    days.say(*(f"12;255;3;0;0;{level}" for level in levels))
    assert days.rows(ROWS) == rows


def test_a_restart_goes_on_with_the_open_event(days):
    days.say("12;255;3;0;0;19")
    days.start()
    days.say("12;255;3;0;0;18")
    assert days.rows(ROWS) == [("battery 19 %", 1)]
    days.say("12;255;3;0;0;90")
    assert days.rows(ROWS) == [("battery 19 %, at the end 90 %", 0)]
