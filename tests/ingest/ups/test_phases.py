"""Lost phases, the input that an ATS is fed by, and what is around a UPS: as figures and as events."""

import pytest

from ingest.ups.ambient import device_limits
from ingest.ups.event_machine import EventMachine
from ingest.ups.limits import Limits
from ingest.ups.measurement import measure
from ingest.ups.phases import find_lost_phases, input_source
from ingest.ups.records import CLOSED, OPENED
from tests.ingest.ups.scenario import Scenario

NEUTRAL = {"input.L1-N.voltage": "231.00", "input.L2-N.voltage": "232.00", "input.L3-N.voltage": "232.00"}
LINES = {"input.L1-L2.voltage": "393.0", "input.L2-L3.voltage": "397.0", "input.L3-L1.voltage": "390.0"}


def lost(*changed):
    variables = {}
    for change in changed:
        variables |= change
    return find_lost_phases(measure(variables).figures)


def volts(first, second, third, kind="{}-N"):
    names = (f"input.{kind.format(phase)}.voltage" for phase in ("L1", "L2", "L3"))
    return {name: str(value) for name, value in zip(names, (first, second, third), strict=True)}


@pytest.mark.parametrize(
    ("variables", "phases"),
    [
        (NEUTRAL, None),
        (NEUTRAL | {"input.L2-N.voltage": "0.0"}, ("L2",)),
        (NEUTRAL | {"input.L2-N.voltage": "38.4"}, ("L2",)),  # induced
        (NEUTRAL | {"input.L2-N.voltage": "150"}, None),  # low, and there
        (volts(0, 3, 231), ("L1", "L2")),
        (volts(0, 0, 0), None),  # an outage
        (volts(2, 0, 14), None),
        (volts(120.1, 0, 119, "{}"), ("L2",)),
        (volts(239.58, 0, 0, "{}") | {"input.phases": "1.00"}, None),
        (volts(239.58, 1, 0, "{}") | {"input.phases": "2"}, ("L2",)),
        (volts(231, 0, 232) | {"input.phases": "0"}, ("L2",)),
        (volts(231, -1, -1), None),  # not available
        ({"input.L1-N.voltage": "231", "input.L2-N.voltage": "4"}, ("L2",)),
        (LINES, None),
        (LINES | {"input.L1-L2.voltage": "227", "input.L3-L1.voltage": "226"}, ("L1",)),
        (LINES | {"input.L1-L2.voltage": "1", "input.L2-L3.voltage": "120"}, ("L2",)),
        (LINES | {"input.L3-L1.voltage": "0"}, ("L3-L1",)),
        ({"input.L1-L2.voltage": "0.00", "input.phases": "0", "input.voltage": "120.00"}, None),
        (volts(255, 255, 255), None),
        ({"output.L1-N.voltage": "0", "output.L2-N.voltage": "230", "output.L3-N.voltage": "230"}, None),
    ],
)
def test_which_phases_are_lost(variables, phases):
    found = lost(variables)
    assert (found and found.phases) == phases


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (NEUTRAL, 231.667),
        (volts(231, 0, 233), 232),
        (volts(239.58, 0, 0, "{}") | {"input.phases": "1.00"}, 239.58),
        (volts(0, 1, 2), 1),
        (LINES | {"input.voltage": "227.0"}, 227),
        ({"input.1.voltage": "221", "input.2.voltage": "229.3", "input.source": "2.00"}, 229.3),
        ({"input.1.voltage": "229.30", "input.2.voltage": "245.40", "input.source": "1"}, 229.3),
        ({"input.1.voltage": "229.30", "input.2.voltage": "0", "input.source": "2"}, 0),
        ({"input.1.voltage": "229.30", "input.2.voltage": "245.40"}, None),
        ({"input.1.voltage": "229.30", "input.source": "normal"}, None),
    ],
)
def test_the_input_voltage_of_phases_and_of_an_ats(variables, expected):
    assert measure(variables).figures.get("input.voltage") == expected


def test_a_lost_phase_is_one_event_with_the_present_text():
    ups = Scenario(input_phases=3)
    ups.variables |= NEUTRAL
    ups.full("OL", 10)
    ups.variables["input.L2-N.voltage"] = "12.0"
    ups.full("OL", 10)
    assert ups.seen() == []
    began = ups.at
    ups.full("OL", 10)
    event = ups.event("PHASE_LOST")
    assert event.started == began and event.detail == "phase L2 lost: 12 V, 232 V on the others"
    ups.variables["input.L2-N.voltage"] = "3.0"
    ups.full("OL", 10)
    assert event.detail == "phase L2 lost: 3 V, 232 V on the others"
    ups.variables["input.L2-N.voltage"] = "230"
    ups.full("OL", 10)
    assert event.figures == {"phases": ["L2"], "value": 3, "reference": 232, "lowest": 3}
    assert ups.seen() == [(OPENED, "PHASE_LOST"), (CLOSED, "PHASE_LOST")]


def test_one_sample_of_a_lost_phase_is_nothing():
    ups = Scenario()
    ups.variables |= NEUTRAL
    ups.full("OL", 10)
    ups.variables["input.L3-N.voltage"] = "0"
    ups.full("OL", 10)
    ups.variables["input.L3-N.voltage"] = "230"
    assert ups.full("OL", 10).full("OL", 10).seen() == []


def test_a_low_input_by_a_lost_phase_is_no_second_event():
    ups = Scenario(input_voltage=230, input_transfer_low=184, input_transfer_high=264)
    ups.variables |= NEUTRAL
    ups.full("OL", 10)
    ups.variables |= {"input.L1-N.voltage": "0", "input.voltage": "154"}
    ups.full("OL", 10).full("OL", 10).full("OL", 10)
    assert ups.seen() == [(OPENED, "PHASE_LOST")]


def test_an_outage_for_a_lost_phase_is_the_outage_alone_and_names_it():
    ups = Scenario()
    ups.variables |= NEUTRAL
    ups.full("OL", 10)
    ups.variables["input.L3-N.voltage"] = "0"
    ups.full("OB DISCHRG").full("OB DISCHRG").full("OB DISCHRG")
    assert ups.seen() == [(OPENED, "ONBATT")]
    assert ups.event("ONBATT").detail == "phase L3 lost: 0 V, 232 V on the others"


@pytest.mark.parametrize(
    ("text", "source"),
    [("2.00", "2"), (" 1 ", "1"), ("2", "2"), ("1.0", "1"), ("normal", "normal"), ("", "")],
)
def test_one_spelling_of_a_source(text, source):
    assert input_source(text) == source


def test_a_change_of_the_input_is_an_event_from_the_first_of_two_samples():
    ups = Scenario(EventMachine(input_source="2.00"), input_source="2", input_1_voltage=230)
    ups.full("OL", 10).full("OL", 10, input_source="2.00").full("OL", 10, input_source="1.00")
    began = ups.at
    ups.full("OL", 10, input_source="1").full("OL", 10)
    event = ups.event("INPUT_SOURCE")
    assert (event.started, event.ended, event.detail) == (began, began, "from input 2 to 1")
    assert event.figures == {"from": "2", "to": "1"}
    ups.full("OL", 10, input_source="2").full("OL", 10, input_source="1").full("OL", 10, input_source="")
    assert ups.event("INPUT_SOURCE")


def test_words_are_inputs_of_an_ats_alone():
    ups = Scenario(input_source="normal").full("OL", 10)
    assert ups.full("OL", 10, input_source="bypass").full("OL", 10).seen() == []
    ats = Scenario(device_type="ats", input_source="A").full("OL", 10)
    ats.full("OL", 10, input_source="B").full("OL", 10)
    assert ats.event("INPUT_SOURCE").detail == "from input A to B"


@pytest.mark.parametrize(
    ("variables", "limits"),
    [
        ({"high": "40.00", "low": "5.00"}, (5, 40)),
        ({"high": "65.00", "low": "0.00"}, (0, 65)),
        ({"high": "221", "low": "30"}, (None, None)),
        ({"high": "29", "low": "206"}, (None, None)),
        ({"high": "64", "low": "166"}, (None, None)),
        ({"high": "0.00", "low": "0.00"}, (None, None)),
        ({"high": "91.00", "low": "-11.00"}, (None, None)),
        ({"high": "1"}, (None, None)),
        ({"high": "100"}, (None, None)),
        ({"high": "55"}, (None, 55)),
        ({"low": "4"}, (4, None)),
        ({"high": "65", "low": "5", "high.warning": "50.00", "low.warning": "10.00"}, (10, 50)),
        ({"high": "79.40", "high.critical": "79.40", "high.warning": "49.40"}, (None, 49.4)),
        ({"alarm.high": "59.00", "alarm.low": "1.00"}, (1, 59)),
    ],
)
def test_limits_of_a_device_that_can_be(variables, limits):
    given = {f"ambient.temperature.{name}": text for name, text in variables.items()}
    assert device_limits(measure(given).figures, "ambient.temperature") == limits


@pytest.mark.parametrize(
    ("variables", "left"),
    [
        ({"temperature": "0.0", "humidity": "0.00"}, set()),
        ({"temperature": "0.0"}, set()),
        ({"temperature": "25.0", "humidity": "0.00"}, {"temperature"}),
        ({"temperature": "0.0", "humidity": "61"}, {"temperature", "humidity"}),
        ({"temperature": "21.0", "humidity": "40", "present": "no"}, set()),
        ({"temperature": "21.0", "humidity": "40", "present": "yes"}, {"temperature", "humidity"}),
        ({"temperature": "XX.X"}, set()),
        ({"temperature": "-4.5"}, {"temperature"}),
    ],
)
def test_a_probe_that_is_not_there(variables, left):
    for probe in ("ambient", "ambient.2"):
        figures = measure({f"{probe}.{name}": text for name, text in variables.items()}).figures
        assert {name.rpartition(".")[2] for name in figures} == left


PROBE = {"ambient.temperature": "24", "ambient.temperature.high": "40.00", "ambient.temperature.low": "5.00",
         "ambient.humidity": "45", "ambient.humidity.high": "90", "ambient.humidity.low": "5"}  # fmt: skip


def surroundings(limits=None, **changes):
    ups = Scenario(EventMachine(limits or Limits()))
    ups.variables |= PROBE
    ups.full("OL", 10)
    return ups.full("OL", 10, **changes).full("OL", 10)


def test_surroundings_beyond_the_limits_of_the_device():
    ups = surroundings(ambient_temperature=41.5)
    event = ups.event("AMBIENT")
    assert event.detail == "temperature around it above 40 °C: 41.5 °C"
    ups.full("OL", 10, ambient_temperature=44).full("OL", 10, ambient_temperature=40.2)
    assert event.detail == "temperature around it above 40 °C: 40.2 °C" and event.ended is None
    assert event.figures["extreme"] == 44 and event.figures["value"] == 40.2
    ups.full("OL", 10, ambient_temperature=39)
    assert event.detail == "temperature around it above 40 °C: 44 at worst" and event.ended


@pytest.mark.parametrize(
    ("limits", "changes", "words"),
    [
        ({}, {"ambient_temperature": 39.9, "ambient_humidity": 89}, None),
        ({}, {"ambient_temperature": 2}, "temperature around it below 5 °C: 2 °C"),
        ({}, {"ambient_humidity": 93}, "humidity around it above 90 %: 93 %"),
        (
            {"ambient_temperature_max": 30.0},
            {"ambient_temperature": 31},
            "temperature around it above 30 °C: 31 °C",
        ),
        ({"ambient_temperature_max": 60.0}, {"ambient_temperature": 41}, None),
        ({"ambient_humidity_min": 20.0}, {"ambient_humidity": 18.8}, "humidity around it below 20 %: 18.8 %"),
        (
            {"ambient_temperature_max": 30.0},
            {"ambient_2_temperature": 33},
            "temperature at probe 2 above 30 °C: 33 °C",
        ),
        ({}, {"ambient_2_temperature": 99}, None),
        (
            {},
            {"ambient_temperature": 45, "ambient_humidity": 2},
            "temperature around it above 40 °C: 45 °C; humidity around it below 5 %: 2 %",
        ),
    ],
)
def test_limits_of_the_device_and_ours(limits, changes, words):
    ups = surroundings(Limits(**limits), **changes)
    assert [event.detail for event in ups.events] == ([words] if words else [])


def test_what_the_alarm_of_the_device_tells_is_no_second_event():
    ups = Scenario()
    ups.variables |= PROBE | {"ups.alarm": "low humidity warning!", "ambient.humidity": "4"}
    ups.full("ALARM OL", 10).full("ALARM OL", 10).full("ALARM OL", 10)
    assert ups.seen() == [(OPENED, "ALARM")]
    ups.full("ALARM OL", 10, ambient_temperature=50).full("ALARM OL", 10)
    assert ups.event("AMBIENT").detail == "temperature around it above 40 °C: 50 °C"
