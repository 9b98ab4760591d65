"""States as steps: each holds until the next report, or until its node was not heard any more."""

import re

import pytest

from reporting.charts import Interval
from reporting.state_charts import Report, StateChartData, StateHour, draw_states, is_state

HOUR = 3600.0
DAY = 24 * HOUR


def draw(type, *reports, unit="", silent=(), since=0.0, until=DAY, hours=()):
    """The chart of (hour, payload)."""
    found = [Report(hour * HOUR, text, float(text) if text[:1].isdigit() else None) for hour, text in reports]
    spans = [Interval(start * HOUR, end * HOUR) for start, end in silent]
    pruned = [StateHour(hour * HOUR, low, high) for hour, low, high in hours]
    data = StateChartData("Front", type, unit, found, spans, since, until, pruned)
    return draw_states(data, "UTC")


def spans(chart):
    """(start, end, state) of a timeline, hours."""
    [row] = chart.rows
    return [(one.start / HOUR, one.end / HOUR, one.text) for one in row.spans]


def holds(chart):
    """(start, end, number) of a chart of steps, hours."""
    return [(one.start / HOUR, one.end / HOUR, one.level) for one in chart.source.holds]


@pytest.mark.parametrize(
    ("type", "sensor_type", "holds"),
    [
        ("V_STATUS", "S_BINARY", True),
        ("V_STATUS", None, True),
        ("V_TRIPPED", "S_DOOR", True),
        ("V_ARMED", "S_MOTION", True),
        ("V_LOCK_STATUS", "S_LOCK", True),
        ("V_HVAC_SPEED", "S_HVAC", True),
        ("V_HVAC_SETPOINT_HEAT", "S_HEATER", True),
        ("V_FORECAST", "S_BARO", True),
        ("V_PERCENTAGE", "S_DIMMER", True),
        ("V_PERCENTAGE", "S_MOISTURE", False),
        ("V_TEMP", "S_HVAC", False),
        ("V_KWH", "S_POWER", False),
        ("200", "S_CUSTOM", False),
    ],
)
def test_states_are_known_by_their_types(type, sensor_type, holds):
    assert is_state(type, sensor_type) is holds


@pytest.mark.parametrize(
    ("type", "words"),
    [
        ("V_STATUS", ["off", "on"]),
        ("V_TRIPPED", ["no", "yes"]),
        ("V_ARMED", ["disarmed", "armed"]),
        ("V_LOCK_STATUS", ["unlocked", "locked"]),
    ],
)
def test_a_switch_is_a_band_with_words(type, words):
    chart = draw(type, (0, "0"), (6, "1"), (18, "0"))
    off, on = words
    assert spans(chart) == [(0, 6, off), (6, 18, on), (18, 24, off)]
    assert [one.number for one in chart.rows[0].spans] == [0, 1, 0]
    assert chart.caption == f"{off} 12 h; {on} 12 h; changed 2 times."
    assert chart.rows[0].total == f"{on} 12 h"


def test_a_state_reported_before_the_range_holds_in_it():
    chart = draw("V_STATUS", (-30, "1"))
    assert spans(chart) == [(0, 24, "on")]
    assert chart.caption == "on 1 d; changed 0 times."


def test_a_silent_node_has_no_state_until_it_reports():
    chart = draw("V_TRIPPED", (0, "1"), (12, "0"), silent=[(3, 9)])
    assert spans(chart) == [(0, 3, "yes"), (12, 24, "no")]
    assert "not known for 9 h." in chart.caption and "hatch" in chart.row_svg(0)


def test_the_last_report_of_a_silent_node_is_seen():
    chart = draw("V_STATUS", (12, "1"), silent=[(12, 99)])
    assert spans(chart) == [(12, 12, "on")] and 'width="0.15%"' in chart.row_svg(0)
    [steps] = re.findall(
        r'class="line s1" d="M\d+ \d+l(\d+)', draw("V_SCENE_ON", (12, "1"), silent=[(12, 99)]).svg()
    )
    assert int(steps) > 0


def test_the_texts_of_states_have_colours_of_their_own():
    chart = draw("V_HVAC_SPEED", (0, "Auto"), (6, "Max"), (12, "Min"))
    assert [(one.text, one.number) for one in chart.rows[0].spans] == [("Auto", 1), ("Max", 2), ("Min", 3)]
    assert chart.rows[0].total == "Auto 6 h, Max 6 h, Min 12 h"
    assert draw("V_TEXT", *((n, f"text {n}") for n in range(9))) is None


def test_a_setpoint_keeps_its_numbers_and_its_unit():
    chart = draw("V_HVAC_SETPOINT_HEAT", (6, "19"), (12, "21.5"), unit="°C")
    assert "19 to 21.5" in chart.caption and "°C" in chart.caption
    assert "known from 1 Jan 1970 06:00 on" in chart.caption
    assert holds(chart) == [(6, 12, 19), (12, 24, 21.5)]
    assert chart.low < 19 and chart.high > 21.5


def test_a_text_among_numbers_is_left_out():
    chart = draw("V_SCENE_ON", (0, "1"), (6, "what"), (12, "3"))
    assert (
        holds(chart) == [(0, 6, 1), (12, 24, 3)] and chart.svg().split('class="line s1"')[1].count("M") == 2
    )


def test_hours_stand_for_readings_that_are_pruned():
    chart = draw("V_STATUS", (18, "0"), hours=[(0, 0, 0), (1, 0, 0), (6, 0, 1), (12, 1, 1)])
    assert spans(chart) == [(0, 6, "off"), (6, 7, "off and on"), (12, 18, "on"), (18, 24, "off")]
    assert "off 12 h; on 6 h" in chart.caption and "1 hour of which only" in chart.caption
    numbers = draw("V_SCENE_ON", (18, "0"), hours=[(0, 0, 0), (6, 0, 2)])
    [spread] = numbers.source.spreads
    assert (spread.low, spread.high, spread.start) == (0, 2, 6 * HOUR) and 'class="band s1"' in numbers.svg()


def test_no_report_gives_no_chart():
    assert draw("V_STATUS") is None
