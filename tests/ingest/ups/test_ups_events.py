"""What opens and closes an event, what does not, and what is in the figures: stories of one UPS."""

import pytest

from ingest.ups.event_machine import EventMachine
from ingest.ups.limits import Limits
from ingest.ups.records import CLOSED, OPENED, UPDATED, Event
from tests.ingest.ups.play import START, Play


def names(play):
    return [event.event for event in play.events]


def test_an_outage_opens_at_ob_and_closes_at_ol():
    play = Play(ups_realpower=360, battery_charge=100, battery_runtime=1800, input_voltage=230).says("OL", 10)
    play.whispers("OB DISCHRG")
    began = play.at
    play.says("OB DISCHRG", 0.01, input_voltage=200)
    for second in range(1, 31):
        play.says("OB DISCHRG", 2, battery_charge=100 - second, battery_voltage=27 - second / 10)
    play.whispers("OL CHRG")
    outage = play.event("ONBATT")
    assert (outage.started, outage.ended, outage.complete) == (began, play.at, True)
    figures = outage.figures
    assert figures["seconds"] == figures["covered_s"] == pytest.approx(62.01, abs=0.001)
    assert figures["wh"] == pytest.approx(360 * 62.01 / 3600, rel=1e-4)
    assert figures["watts_avg"] == pytest.approx(360, rel=1e-4)
    assert (figures["charge_start"], figures["charge_end"], figures["lowest_charge"]) == (100, 70, 70)
    assert figures["lowest_battery_voltage"] == 24 and figures["lowest_input_voltage"] == 200
    assert figures["predicted_runtime_s"] == 1800 and figures["samples"] == 31
    assert figures["low_battery"] == 0 and figures["missed_polls"] == 0


@pytest.mark.parametrize("words", ["WAIT", "", "OFF", "BYPASS", "OB WAIT", "CHRG", "SOMETHING NEW"])
def test_what_says_nothing_of_the_mains_neither_opens_nor_closes(words):
    calm = Play().says("OL").whispers(words).whispers("OL")
    assert "ONBATT" not in names(calm)
    storm = Play().says("OL").says("OB").whispers(words)
    assert storm.event("ONBATT").ended is None


@pytest.mark.parametrize("status", ["OB CAL DISCHRG", "CAL OB LB", "OB TEST"])
def test_a_calibration_is_no_outage(status):
    play = Play().says("OL").says(status).says("OL")
    assert "ONBATT" not in names(play)


def test_mains_that_are_gone_after_a_calibration_are_an_outage_from_then_on():
    play = Play().says("OL").says("OB CAL").says("OB")
    assert play.event("ONBATT").started == play.at


def test_unknown_words_do_no_harm():
    assert Play().says("OL NEWWORD").says("NEWWORD OB").event("ONBATT")


def test_one_failed_poll_is_nothing_two_are_commbad_since_the_first():
    play = Play().says("OL").fails().says("OL")
    assert names(play) == []
    play.fails("driver", "driver")
    first = play.at
    play.fails("driver", "driver").fails("stale", "device").whispers("WAIT").fails("stale", "device")
    event = play.event("COMMBAD")
    assert event.started == first and event.ended is None
    assert event.figures == {
        "where": "driver",
        "outcome": "driver",
        "outcomes": ["driver", "stale"],
        "failed_polls": 4,
    }
    assert event.detail == "driver: driver in words"
    play.whispers("OL")
    assert event.ended == play.at


def test_a_wait_between_failures_does_not_make_it_good():
    play = Play().says("OL").fails("driver", "driver").whispers("WAIT").fails("driver", "driver")
    assert play.event("COMMBAD").ended is None


def test_a_gap_in_an_outage_makes_it_incomplete_and_is_not_counted():
    play = Play(ups_realpower=360).says("OL").says("OB").says("OB").says("OB")
    play.fails().fails().says("OB", 60).says("OB").says("OL")
    outage = play.event("ONBATT")
    assert not outage.complete and outage.figures["missed_polls"] == 2
    assert outage.figures["seconds"] == 72
    assert outage.figures["covered_s"] == 8
    assert outage.figures["wh"] == pytest.approx(0.8)


def test_one_missed_poll_too_makes_it_incomplete():
    play = Play(ups_realpower=360).says("OL").says("OB").says("OB").fails().says("OB").says("OL")
    outage = play.event("ONBATT")
    assert not outage.complete and outage.figures["missed_polls"] == 1 and outage.figures["covered_s"] == 4


def test_time_in_which_nobody_polled_is_a_gap_too():
    play = Play(ups_realpower=360).says("OL").says("OB").says("OB").says("OB", 30).says("OL")
    outage = play.event("ONBATT")
    assert not outage.complete and outage.figures["covered_s"] == 4


def test_an_outage_that_ended_unseen_says_so():
    play = Play().says("OL").says("OB").says("OB").fails().fails().says("OL", 600)
    outage = play.event("ONBATT")
    assert outage.ended == play.at and not outage.complete and "nobody could see" in outage.detail


def test_an_outage_whose_beginning_nobody_saw_is_incomplete():
    assert not Play().says("OB").event("ONBATT").complete
    assert not Play().says("OL").fails().fails().says("OB").event("ONBATT").complete
    assert Play().says("OL").says("OB", 10).event("ONBATT").complete


def test_after_a_restart_an_open_outage_goes_on_incomplete():
    figures = {
        "seconds": 20.0,
        "covered_s": 20.0,
        "samples": 10,
        "missed_polls": 0,
        "low_battery": 0,
        "wh": 2.0,
        "metered_s": 20.0,
        "charge_start": 100.0,
        "lowest_charge": 90.0,
    }
    left = Event("ONBATT", START - 60, figures=figures, id=7)
    play = Play(EventMachine(open_events=[left]), ups_realpower=360, battery_charge=80)
    play.says("OB").says("OB").says("OL")
    assert play.events == [] and (CLOSED, "ONBATT") in play.changes
    assert left.ended == play.at and not left.complete and left.id == 7
    assert figures["covered_s"] == 24 and figures["wh"] == pytest.approx(2.4)
    assert figures["seconds"] == play.at - left.started
    assert (figures["charge_start"], figures["lowest_charge"], figures["samples"]) == (100, 80, 12)


def test_a_restart_after_the_mains_came_back_closes_it_as_unseen():
    left = Event(
        "ONBATT",
        START - 60,
        figures={"seconds": 0.0, "covered_s": 0.0, "samples": 0, "missed_polls": 0, "low_battery": 0},
    )
    Play(EventMachine(open_events=[left])).says("OL")
    assert left.ended and not left.complete and left.detail


def test_low_battery_needs_ob():
    assert names(Play().says("OL LB").says("OL")) == []
    play = Play().says("OL").says("OB").says("OB LB").says("OB LB").says("OL")
    assert names(play) == ["ONBATT", "LOWBATT"]
    assert play.event("ONBATT").figures["low_battery"] == 1
    assert play.event("ONBATT").figures["seconds_to_low"] == 2
    assert play.event("LOWBATT").ended == play.at


@pytest.mark.parametrize(
    ("seconds", "times", "is_event"), [(2, 10, False), (10, 6, False), (10, 7, True), (70, 2, True)]
)
def test_rb_has_to_stay_for_a_minute_and_two_samples(seconds, times, is_event):
    play = Play().says("OL")
    first = play.at + seconds
    for _ in range(times):
        play.says("OL RB", seconds)
    assert ("REPLBATT" in names(play)) is is_event
    if is_event:
        assert play.event("REPLBATT").started == first
        assert play.says("OL").event("REPLBATT").ended == play.at


def test_bursts_of_rb_do_not_add_up():
    play = Play().says("OL")
    for _ in range(20):
        play.says("OL RB").says("OL RB").says("OL")
    assert names(play) == []


@pytest.mark.parametrize("word", ["OFF", "BYPASS", "TRIM", "BOOST", "FSD", "CAL"])
def test_a_word_that_is_an_event(word):
    play = Play().says("OL").whispers(f"OL {word}").whispers("WAIT").whispers(f"OL {word}").whispers("OL")
    assert play.seen() == [(OPENED, word), (CLOSED, word)]
    assert play.event(word).ended - play.event(word).started == 6


def test_alarm_keeps_its_texts():
    play = (
        Play()
        .says("OL")
        .whispers("ALARM OL")
        .says("ALARM OL", 0.1, ups_alarm="fan failed")
        .says("ALARM OL", ups_alarm="hot")
    )
    assert play.event("ALARM").detail == "fan failed; hot"
    assert play.says("OL", ups_alarm="").event("ALARM").ended == play.at


def test_overload_by_word_and_by_load():
    play = (
        Play(ups_load=50)
        .says("OL")
        .whispers("OL OVER")
        .says("OL OVER", ups_load=110)
        .says("OL", ups_load=100)
        .says("OL", ups_load=60)
    )
    assert play.event("OVER").ended == play.at


@pytest.mark.parametrize(
    ("event", "name", "good", "bad"),
    [
        ("INPUT_LOW", "input_voltage", 181, 179.9),
        ("CHARGE_LOW", "battery_charge", 21, 19),
        ("HOT", "ups_temperature", 39, 41),
        ("HOT", "battery_temperature", 39, 40.5),
        ("LOAD_HIGH", "ups_load", 79, 80.5),
    ],
)
def test_the_monitors_thresholds_are_the_defaults(event, name, good, bad):
    play = (
        Play()
        .says("OL", **{name: good})
        .says("OL", **{name: bad})
        .says("OL", **{name: bad})
        .says("OL", **{name: good})
    )
    assert play.seen() == [(OPENED, event), (CLOSED, event)]
    assert play.event(event).figures["value"] == bad


def test_a_value_at_its_limit_does_not_flap():
    play = Play().says("OL", ups_load=79)
    for load in (81, 80, 81, 79.5, 81):
        play.says("OL", ups_load=load)
    assert names(play) == ["LOAD_HIGH"]


def test_limits_can_be_changed_and_switched_off():
    limits = Limits(temperature_max=50, charge_min=None)
    play = (
        Play(EventMachine(limits))
        .says("OL")
        .says("OL", ups_temperature=45, battery_charge=5)
        .says("OL", ups_temperature=51)
    )
    assert names(play) == ["HOT"]


def test_mains_of_120_v_are_not_low():
    assert names(Play(input_voltage_nominal=120, input_voltage=118).says("OL").says("OL")) == []
    assert names(Play(input_voltage_nominal=120, input_voltage=90).says("OL").says("OL")) == ["INPUT_LOW"]


def test_voltage_out_of_range_takes_two_samples():
    play = Play(input_transfer_low=184, input_transfer_high=264).says("OL", input_voltage=230)
    play.says("OL", input_voltage=270).says("OL", input_voltage=230).says("OL", input_voltage=266)
    first = play.at
    play.says("OL", input_voltage=272).says("OL", input_voltage=268).says("OL", input_voltage=230)
    event = play.event("VOLTAGE")
    assert (event.started, event.ended) == (first, play.at)
    assert event.figures["highest"] == 272


def test_no_mains_are_no_voltage_out_of_range():
    play = (
        Play(input_transfer_low=184)
        .says("OL", input_voltage=230)
        .says("OB", input_voltage=0)
        .says("OB")
        .says("OL", input_voltage=230)
    )
    assert "VOLTAGE" not in names(play)


def test_ol_dischrg_is_an_outage_only_where_the_config_says_so():
    story = [("OL", 230), ("OL DISCHRG", 150), ("OL DISCHRG", 150), ("OL CHRG", 230)]
    for rule, expected in ((False, []), (True, [(OPENED, "ONBATT"), (CLOSED, "ONBATT")])):
        play = Play(EventMachine(Limits(input_voltage_min=None), rule), input_transfer_low=184)
        for status, volts in story:
            play.says(status, input_voltage=volts)
        assert [change for change in play.seen() if change[1] == "ONBATT"] == expected
    draining = (
        Play(EventMachine(discharging_is_outage=True), input_transfer_low=184)
        .says("OL")
        .says("OL DISCHRG", input_voltage=230)
    )
    assert names(draining) == []


def test_a_self_test_keeps_its_result_and_voltages():
    play = (
        Play(ups_test_result="Done and passed", battery_voltage=27.2)
        .says("OL")
        .says("OL", ups_test_result="In progress")
    )
    began = play.at
    play.says("OL", battery_voltage=24.9).says("OL", battery_voltage=25.6, ups_test_result="Done and warning")
    event = play.event("TEST")
    assert (event.started, event.ended, event.complete) == (began, play.at, True)
    assert event.figures["result"] == "Done and warning" and event.figures["started_by"] == "the UPS"
    assert event.figures["battery_voltage_before"] == 27.2
    assert event.figures["lowest_battery_voltage"] == 24.9 and event.figures["battery_voltage_after"] == 25.6


def test_a_self_test_between_two_polls_is_seen_by_what_it_left():
    play = (
        Play(ups_test_result="Done and passed", ups_test_date="2026/10/01")
        .says("OL")
        .says("OL", ups_test_date="2026/11/01")
    )
    event = play.event("TEST")
    assert event.ended and not event.complete and event.figures["result"] == "Done and passed"


@pytest.mark.parametrize("result", ["No test initiated", "Test scheduled", ""])
def test_no_test_is_no_event(result):
    assert names(Play(ups_test_result=result).says("OL").says("OL").says("OL")) == []
    assert names(Play(ups_test_result="Done and passed").says("OL").says("OL", ups_test_result=result)) == []


def test_the_word_test_is_one():
    play = Play().says("OL").whispers("OL TEST").says("OL TEST").says("OL")
    assert play.event("TEST").ended == play.at


def test_our_own_command_starts_a_test_and_names_who_did():
    play = Play(ups_test_result="Done and passed", battery_voltage=27).says("OL")
    play.machine.apply_command(play.at, play.at, "beeper.mute", "owner")
    assert "TEST" not in play.machine.open
    play.machine.apply_command(play.at, play.at, "test.battery.start.quick", "owner")
    event = play.machine.open["TEST"]
    assert event.figures == {
        "started_by": "owner",
        "command": "test.battery.start.quick",
        "battery_voltage_before": 27,
    }
    play.says("OL", 10).says("OL", 10, ups_test_result="In progress").says(
        "OL", 10, ups_test_result="Done and passed"
    )
    assert event.ended == play.at and event.complete and event.figures["result"] == "Done and passed"


def test_a_test_that_never_tells_a_result_is_given_up():
    play = Play(ups_test_result="Done and passed").says("OL")
    play.machine.apply_command(play.at, play.at, "test.battery.start", "owner")
    event = play.machine.open["TEST"]
    for _ in range(100):
        play.says("OL", 10)
    assert event.ended and not event.complete and "never told" in event.detail


def test_a_failed_poll_marks_what_is_open_once():
    play = Play().says("OL").says("OL BYPASS").fails().fails().fails()
    assert play.changes.count((UPDATED, "BYPASS")) == 1 and not play.event("BYPASS").complete


def test_a_ups_that_is_gone_closes_what_is_open():
    play = Play().says("OL").says("OB")
    play.machine.retire(play.at + 5, "gone")
    assert play.event("ONBATT").ended == play.at + 5 and not play.event("ONBATT").complete


def test_an_order_claims_the_test_that_began_since_and_no_other():
    play = Play(ups_test_result="No test initiated").says("OL")
    sent = play.at
    play.says("OL", ups_test_result="In progress")
    play.machine.apply_command(sent, sent, "test.battery.start", "owner")
    (event,) = play.machine.open.values()
    assert event.figures["started_by"] == "owner" and event.figures["command"] == "test.battery.start"
    play.machine.apply_command(play.at + 60, play.at + 60, "test.battery.start", "another")
    assert event.figures["started_by"] == "owner"


def test_an_order_of_which_nobody_knows_opens_nothing():
    play = Play(ups_test_result="No test initiated").says("OL")
    play.machine.apply_command(play.at, play.at, "test.battery.start", "owner", sure=False)
    assert "TEST" not in play.machine.open
