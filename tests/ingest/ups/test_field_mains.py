"""Mains, battery or test: what real devices send, and what follows from it. Stories of one UPS."""

import itertools

import pytest

from ingest.ups.event_machine import EventMachine
from ingest.ups.records import CLOSED, OPENED
from tests.ingest.ups.scenario import START, Scenario

MEASURED = {"input_voltage": 230, "input_voltage_nominal": 230, "ups_realpower": 360, "battery_charge": 100}
UNMEASURED = {"ups_realpower": 360, "battery_charge": 100}


def names(ups):
    return [event.event for event in ups.events if not event.withdrawn]


def run(ups, status, seconds, step=2.0, **variables):
    for _ in range(round(seconds / step)):
        ups.full(status, step, **variables)
    return ups


@pytest.mark.parametrize("word", ["TEST", "CAL", "TIP", "TEST CAL", "CAL BYPASS"])
@pytest.mark.parametrize("volts", [0, 3.4, 6.4, 41, 150])
def test_a_word_of_a_test_hides_no_outage_that_is_measured(word, volts):
    ups = run(Scenario(**MEASURED).full("OL"), f"OL {word}", 300, 10)
    run(ups, f"OB DISCHRG {word}", 32, input_voltage=volts)
    began = ups.at - 30
    run(ups, f"OL {word}", 10, input_voltage=231)
    outage = ups.event("ONBATT")
    assert (outage.started, outage.ended - outage.started) == (began, 32)
    assert outage.figures["wh"] == pytest.approx(360 * 32 / 3600, rel=1e-3)


@pytest.mark.parametrize("word", ["TEST", "CAL", "TIP"])
@pytest.mark.parametrize("volts", [230, 219.5, 247, 190])
def test_a_test_with_mains_there_is_no_outage_however_long(word, volts):
    ups = Scenario(**MEASURED | {"input_voltage": volts}).full("OL")
    run(ups, f"OB DISCHRG {word}", 1800, 10)
    assert "ONBATT" not in names(ups.full("OL"))


@pytest.mark.parametrize(("word", "limit_s"), [("TEST", 900), ("TIP", 900), ("CAL", 21_600)])
def test_without_measured_mains_a_test_is_believed_for_as_long_as_one_lasts(word, limit_s):
    short = Scenario(**UNMEASURED).full("OL")
    began = short.at + 5
    run(short, f"OB DISCHRG {word}", limit_s - 60, 5)
    assert "ONBATT" not in names(short)
    event = short.machine.open["CAL" if word == "CAL" else "TEST"]
    assert "mains not measured" in event.detail
    run(short, f"OB DISCHRG {word}", 180, 5).full("OL")
    outage = short.event("ONBATT")
    assert (outage.started, outage.ended, outage.complete) == (began, short.at, True)
    assert "mains not measured" in outage.detail
    seconds = outage.ended - outage.started
    assert outage.figures["seconds"] == outage.figures["covered_s"] == pytest.approx(seconds)
    assert outage.figures["wh"] == pytest.approx(360 * seconds / 3600, rel=1e-3)


def test_a_word_that_goes_is_forgotten_at_once():
    """NUT issue 2168: OL CAL during a test, then OB and OB LB without CAL on the wire."""
    ups = run(Scenario(**UNMEASURED).full("OL"), "OL CAL", 60)
    ups.full("OB DISCHRG CAL").full("OB").full("OB LB").full("OL")
    assert [event for event in names(ups) if event in ("ONBATT", "LOWBATT")] == ["ONBATT", "LOWBATT"]


def test_the_word_test_that_stays_on_mains_is_no_test_without_end():
    """NUT issue 2416: `OL TEST` for ever, with a result."""
    ups = run(Scenario(ups_test_result="Done and passed", **MEASURED).full("OL"), "OL TEST", 7200, 10)
    event = ups.event("TEST")
    assert 900 <= event.ended - event.started <= 930 and not event.complete and "longer" in event.detail
    run(ups.full("OL"), "OL TEST", 60, 10)
    assert names(ups) == ["TEST", "TEST"]


def test_the_word_test_that_stayed_is_no_test_after_a_restart_either():
    ups = Scenario(EventMachine(last_status="OL TEST"), ups_test_result="Done and passed", **MEASURED)
    run(ups, "OL TEST", 120, 10)
    assert names(ups) == []
    run(ups, "OL TEST", 60, 10, ups_test_result="In progress").full("OL TEST", ups_test_result="Ok")
    assert names(ups) == ["TEST"]
    run(ups.full("OL"), "OL TEST", 30, 10)
    assert names(ups) == ["TEST", "TEST"]


@pytest.mark.parametrize("result", ["In progress", "in progress", "TestInProgress", "Test in progress", "IP"])
@pytest.mark.parametrize("after", ["Done and passed", "Done and failed", "Ok"])
def test_time_on_battery_that_is_reported_as_a_test_is_one(result, after):
    ups = Scenario(ups_test_result="Done and passed", **MEASURED).full("OL", 10)
    for _ in range(6):
        ups.full("OB DISCHRG", 2, ups_test_result=result)
    ups.full("OL", 2, ups_test_result=after)
    assert names(ups) == ["TEST", *(["TEST_FAILED"] if after == "Done and failed" else [])]
    assert ups.event("TEST").figures["result"] == after
    assert ups.event("TEST").ended - ups.event("TEST").started == 12


def test_a_report_of_a_test_that_comes_late_takes_the_outage_back():
    ups = Scenario(ups_test_result="Done and passed", **MEASURED).full("OL", 10)
    ups.full("OB DISCHRG").full("OB DISCHRG").full("OB DISCHRG", ups_test_result="In progress")
    began = ups.at - 4
    run(ups, "OB DISCHRG", 10).full("OL", ups_test_result="Done and passed")
    assert ups.events[0].event == "TEST" and ups.events[0].started == began and len(ups.events) == 1
    assert not ups.machine.open


def test_a_test_that_is_known_by_its_date_alone_takes_the_outage_back():
    ups = Scenario(ups_test_result="Ok", ups_test_date="10/10/2026", **MEASURED).full("OL", 10)
    run(ups, "OB DISCHRG", 12).full("OL").full("OL", 10, ups_test_date="11/29/2026")
    assert names(ups) == ["TEST"] and ups.events[0].figures["result"] == "Ok"


def test_an_outage_whose_mains_are_gone_is_taken_back_by_no_report():
    ups = Scenario(ups_test_result="Done and passed", **MEASURED).full("OL", 10)
    run(ups, "OB DISCHRG", 30, input_voltage=0, ups_test_result="In progress")
    ups.full("OL", input_voltage=230, ups_test_result="Done and passed")
    assert ups.event("ONBATT").ended - ups.event("ONBATT").started == 30


def test_an_outage_of_40_s_within_a_battery_test():
    ups = Scenario(ups_test_result="Done and passed", **MEASURED).full("OL", 10)
    run(ups, "OB DISCHRG", 30, ups_test_result="In progress")
    began = ups.at + 2
    run(ups, "OB DISCHRG", 40, input_voltage=0)
    run(ups, "OB DISCHRG", 20, input_voltage=229)
    run(ups, "OL CHRG", 10, ups_test_result="Done and passed")
    outage = ups.event("ONBATT")
    assert (outage.started, outage.ended) == (began, began + 40)
    assert outage.figures["wh"] == pytest.approx(360 * 40 / 3600, rel=1e-3)
    assert names(ups).count("TEST") == 1


@pytest.mark.parametrize("status", ["OB", "OB DISCHRG", "FSD OB OFF OB", "ob dischrg", "OB ECO", "ALARM OB"])
@pytest.mark.parametrize("variables", [{}, MEASURED, MEASURED | {"input_voltage": 0}, UNMEASURED])
def test_on_battery_without_a_word_of_a_test_is_an_outage_at_once(status, variables):
    """Of 26 dumps on battery none names a test; 3 of them measure mains (a spike, a wrong frequency)."""
    ups = Scenario(**variables).full("OL").full(status).full("OL")
    assert ups.event("ONBATT").ended - ups.event("ONBATT").started == 2


def test_the_last_transfer_reason_is_no_test():
    ups = Scenario(input_transfer_reason="selfTest", **MEASURED).full("OL").full("OB", input_voltage=0)
    assert names(ups) == ["ONBATT"]


@pytest.mark.parametrize(("volts", "expected"), [(209, []), (230, []), (0, ["ONBATT"]), (None, [])])
def test_a_contradiction_is_decided_by_the_measured_mains(volts, expected):
    variables = MEASURED if volts is not None else UNMEASURED
    ups = Scenario(**variables).full("OL")
    for _ in range(3):
        ups.full("OL DISCHRG OB", **({} if volts is None else {"input_voltage": volts}))
    assert names(ups) == expected


def test_discharging_on_mains_is_no_outage_unless_mains_are_gone():
    calm = run(Scenario(**MEASURED).full("OL"), "OL DISCHRG", 600, 10)
    assert names(calm) == []
    gone = run(Scenario(**MEASURED).full("OL"), "OL DISCHRG", 40, input_voltage=0).full(
        "OL", input_voltage=230
    )
    assert gone.event("ONBATT").figures["seconds"] == 40
    unmeasured = run(Scenario(input_voltage=0, input_voltage_nominal=120).full("OL"), "OL DISCHRG", 600, 10)
    assert names(unmeasured) == []


@pytest.mark.parametrize(
    ("variables", "low", "expected"),
    [
        (MEASURED, 0, ["ONBATT"]),
        ({"input_voltage": 118, "battery_charge": 91}, 0, ["ONBATT"]),
        ({"input_voltage": 239.6}, 0, ["INPUT_LOW"]),  # a PDU has no battery
        ({"battery_charge": 100}, None, []),
    ],
)
def test_a_ups_without_a_status_goes_by_its_input_voltage(variables, low, expected):
    ups = run(Scenario(**variables), "", 100, 10)
    assert names(ups) == []
    run(ups, "", 40, 10, **({} if low is None else {"input_voltage": low}))
    assert [name for name in names(ups) if name != "VOLTAGE"] == expected
    if expected == ["ONBATT"]:
        ups.full("", input_voltage=variables["input_voltage"])
        event = ups.event("ONBATT")
        assert event.ended == ups.at and "no status" in event.detail


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({}, {"input_voltage": 0}),
        ({}, {"battery_charge": 0}),
        ({"ups_load": 20}, {"ups_load": 200}),
        ({"ups_load": 20}, {"ups_load": 95}),
        ({"ups_temperature": 25}, {"ups_temperature": 99}),
        ({}, {"input_voltage": 299}),
        ({"battery_temperature": 20}, {"battery_temperature": 70}),
    ],
)
def test_one_poll_of_a_wrong_figure_is_no_event(good, bad):
    ups = run(Scenario(**MEASURED | good), "OL", 100, 10)
    ups.full("OL", **bad).full("OL", **MEASURED | good)
    run(ups, "OL", 30, 10)
    assert ups.seen() == []


@pytest.mark.parametrize(
    "status",
    [
        "OL OFF",
        "OFF",
        "OL BYPASS",
        "OL TRIM",
        "OL BOOST",
        "OL CAL",
        "ALARM OL",
        "OL TEST",
        "OL OVER",
        "OL DISCHRG CHRG LB RB",
    ],
)
def test_one_poll_of_a_word_is_no_event_and_two_are(status):
    once = Scenario(**MEASURED).full("OL").full(status).full("OL").full("OL")
    assert once.seen() == []
    twice = Scenario(**MEASURED).full("OL").full(status).full(status).full("OL")
    assert len(twice.seen()) == (0 if "RB" in status else 2)


def test_polls_that_were_not_handed_on_confirm_a_word():
    ups = Scenario(**MEASURED).full("OL").full("OL OFF")
    began = ups.at
    ups.at += 8
    poll = ups._poll(10.0, status="OL", coalesced=3, coalesced_at=ups.at - 2)
    ups._apply(poll)
    event = ups.event("OFF")
    assert (event.started, event.ended) == (began, ups.at)


def test_an_outage_low_battery_shutdown_and_silence_are_events_at_once():
    assert names(Scenario(**MEASURED).full("OL").full("OB LB")) == ["ONBATT", "LOWBATT"]
    assert names(Scenario(**MEASURED).full("OL").full("OL FSD")) == ["FSD"]


WORDS = ["OL", "OB", "LB", "TEST", "CAL", "DISCHRG", "CHRG", "BYPASS", "OFF", "TRIM", "ECO", "NEWWORD"]


@pytest.mark.parametrize("volts", [230, 0, None])
def test_every_combination_of_up_to_three_words_is_an_outage_when_the_facts_say_so(volts):
    for number in (1, 2, 3):
        for words in itertools.combinations(WORDS, number):
            ups = run(Scenario(**(MEASURED if volts is not None else UNMEASURED)).full("OL"), "OL", 60, 10)
            for _ in range(2):
                ups.full(" ".join(words), **({} if volts is None else {"input_voltage": volts}))
            tested = {"TEST", "CAL"} & set(words)
            both = {"OL", "OB"} <= set(words)
            expected = "OB" in words and (volts == 0 or (not tested and not both))
            expected = expected or ({"OL", "DISCHRG"} <= set(words) and volts == 0)
            assert ("ONBATT" in names(ups)) is expected, words


def test_a_restart_within_a_test_that_is_measured_is_no_outage():
    ups = Scenario(EventMachine(), ups_test_result="In progress", **MEASURED)
    run(ups, "OB DISCHRG", 10).full("OL", ups_test_result="Done and passed")
    assert names(ups) == ["TEST"] and ups.seen() == [(OPENED, "TEST"), (CLOSED, "TEST")]
    assert ups.event("TEST").started == START + 2
