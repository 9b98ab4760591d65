"""What opens and closes an event, what does not, and what is in the figures: stories of one UPS."""

import pytest

from ingest.ups.event_machine import EventMachine
from ingest.ups.limits import Limits
from ingest.ups.records import CLOSED, OPENED, UPDATED, Event
from tests.ingest.ups.scenario import START, Scenario


def names(ups):
    return [event.event for event in ups.events]


def test_an_outage_opens_at_ob_and_closes_at_ol():
    ups = Scenario(ups_realpower=360, battery_charge=100, battery_runtime=1800, input_voltage=230).full(
        "OL", 10
    )
    ups.status("OB DISCHRG")
    began = ups.at
    ups.full("OB DISCHRG", 0.01, input_voltage=200)
    for second in range(1, 31):
        ups.full("OB DISCHRG", 2, battery_charge=100 - second, battery_voltage=27 - second / 10)
    ups.status("OL CHRG")
    outage = ups.event("ONBATT")
    assert (outage.started, outage.ended, outage.complete) == (began, ups.at, True)
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
    calm = Scenario().full("OL").status(words).status("OL")
    assert "ONBATT" not in names(calm)
    storm = Scenario().full("OL").full("OB").status(words)
    assert storm.event("ONBATT").ended is None


@pytest.mark.parametrize("status", ["OB CAL DISCHRG", "CAL OB LB", "OB TEST"])
def test_a_calibration_is_no_outage(status):
    ups = Scenario().full("OL").full(status).full("OL")
    assert "ONBATT" not in names(ups)


def test_mains_that_are_gone_after_a_calibration_are_an_outage_from_then_on():
    ups = Scenario().full("OL").full("OB CAL").full("OB")
    assert ups.event("ONBATT").started == ups.at


def test_unknown_words_do_no_harm():
    assert Scenario().full("OL NEWWORD").full("NEWWORD OB").event("ONBATT")


def test_one_failed_poll_is_nothing_two_are_commbad_since_the_first():
    ups = Scenario().full("OL").failed().full("OL")
    assert names(ups) == []
    ups.failed("driver", "driver")
    first = ups.at
    ups.failed("driver", "driver").failed("stale", "device").status("WAIT").failed("stale", "device")
    event = ups.event("COMMBAD")
    assert event.started == first and event.ended is None
    assert event.figures == {
        "where": "driver",
        "outcome": "driver",
        "outcomes": ["driver", "stale"],
        "failed_polls": 4,
    }
    assert event.detail == "driver: message of driver"
    ups.status("OL")
    assert event.ended == ups.at


def test_a_wait_between_failures_does_not_make_it_good():
    ups = Scenario().full("OL").failed("driver", "driver").status("WAIT").failed("driver", "driver")
    assert ups.event("COMMBAD").ended is None


def test_a_gap_in_an_outage_makes_it_incomplete_and_is_not_counted():
    ups = Scenario(ups_realpower=360).full("OL").full("OB").full("OB").full("OB")
    ups.failed().failed().full("OB", 60).full("OB").full("OL")
    outage = ups.event("ONBATT")
    assert not outage.complete and outage.figures["missed_polls"] == 2
    assert outage.figures["seconds"] == 72
    assert outage.figures["covered_s"] == 8
    assert outage.figures["wh"] == pytest.approx(0.8)


def test_one_missed_poll_too_makes_it_incomplete():
    ups = Scenario(ups_realpower=360).full("OL").full("OB").full("OB").failed().full("OB").full("OL")
    outage = ups.event("ONBATT")
    assert not outage.complete and outage.figures["missed_polls"] == 1 and outage.figures["covered_s"] == 4


def test_time_in_which_nobody_polled_is_a_gap_too():
    ups = Scenario(ups_realpower=360).full("OL").full("OB").full("OB").full("OB", 30).full("OL")
    outage = ups.event("ONBATT")
    assert not outage.complete and outage.figures["covered_s"] == 4


def test_an_outage_that_ended_unseen_says_so():
    ups = Scenario().full("OL").full("OB").full("OB").failed().failed().full("OL", 600)
    outage = ups.event("ONBATT")
    assert outage.ended == ups.at and not outage.complete and "not polled" in outage.detail


def test_an_outage_whose_beginning_nobody_saw_is_incomplete():
    assert not Scenario().full("OB").event("ONBATT").complete
    assert not Scenario().full("OL").failed().failed().full("OB").event("ONBATT").complete
    assert Scenario().full("OL").full("OB", 10).event("ONBATT").complete


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
    ups = Scenario(EventMachine(open_events=[left]), ups_realpower=360, battery_charge=80)
    ups.full("OB").full("OB").full("OL")
    assert ups.events == [] and (CLOSED, "ONBATT") in ups.changes
    assert left.ended == ups.at and not left.complete and left.id == 7
    assert figures["covered_s"] == 24 and figures["wh"] == pytest.approx(2.4)
    assert figures["seconds"] == ups.at - left.started
    assert (figures["charge_start"], figures["lowest_charge"], figures["samples"]) == (100, 80, 12)


def test_a_restart_after_the_mains_came_back_closes_it_as_unseen():
    left = Event(
        "ONBATT",
        START - 60,
        figures={"seconds": 0.0, "covered_s": 0.0, "samples": 0, "missed_polls": 0, "low_battery": 0},
    )
    Scenario(EventMachine(open_events=[left])).full("OL")
    assert left.ended and not left.complete and left.detail


def test_low_battery_needs_ob():
    assert names(Scenario().full("OL LB").full("OL")) == []
    ups = Scenario().full("OL").full("OB").full("OB LB").full("OB LB").full("OL")
    assert names(ups) == ["ONBATT", "LOWBATT"]
    assert ups.event("ONBATT").figures["low_battery"] == 1
    assert ups.event("ONBATT").figures["seconds_to_low"] == 2
    assert ups.event("LOWBATT").ended == ups.at


@pytest.mark.parametrize(
    ("seconds", "times", "is_event"), [(2, 10, False), (10, 6, False), (10, 7, True), (70, 2, True)]
)
def test_rb_has_to_stay_for_a_minute_and_two_samples(seconds, times, is_event):
    ups = Scenario().full("OL")
    first = ups.at + seconds
    for _ in range(times):
        ups.full("OL RB", seconds)
    assert ("REPLBATT" in names(ups)) is is_event
    if is_event:
        assert ups.event("REPLBATT").started == first
        assert ups.full("OL").event("REPLBATT").ended == ups.at


def test_bursts_of_rb_do_not_add_up():
    ups = Scenario().full("OL")
    for _ in range(20):
        ups.full("OL RB").full("OL RB").full("OL")
    assert names(ups) == []


@pytest.mark.parametrize("word", ["OFF", "BYPASS", "TRIM", "BOOST", "FSD", "CAL"])
def test_a_word_that_is_an_event(word):
    ups = Scenario().full("OL").status(f"OL {word}").status("WAIT").status(f"OL {word}").status("OL")
    assert ups.seen() == [(OPENED, word), (CLOSED, word)]
    assert ups.event(word).ended - ups.event(word).started == 6


def test_an_alarm_has_its_present_text_and_keeps_the_others():
    ups = (
        Scenario()
        .full("OL")
        .status("ALARM OL")
        .full("ALARM OL", 0.1, ups_alarm="fan failed")
        .full("ALARM OL", ups_alarm="hot")
    )
    alarm = ups.event("ALARM")
    assert alarm.detail == "hot" and alarm.figures["texts"] == ["fan failed", "hot"]
    assert ups.full("OL", ups_alarm="").event("ALARM").ended == ups.at


def test_overload_by_word_and_by_load():
    ups = (
        Scenario(ups_load=50)
        .full("OL")
        .status("OL OVER")
        .full("OL OVER", ups_load=110)
        .full("OL", ups_load=100)
        .full("OL", ups_load=60)
    )
    assert ups.event("OVER").ended == ups.at


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
    ups = (
        Scenario(input_voltage_nominal=230)
        .full("OL", **{name: good})
        .full("OL", **{name: bad})
        .full("OL", **{name: bad})
        .full("OL", **{name: good})
    )
    assert ups.seen() == [(OPENED, event), (CLOSED, event)]
    assert ups.event(event).figures["value"] == bad


def test_a_value_at_its_limit_does_not_flap():
    ups = Scenario().full("OL", ups_load=79)
    for load in (81, 81, 80, 81, 79.5, 81):
        ups.full("OL", ups_load=load)
    assert names(ups) == ["LOAD_HIGH"]


def test_limits_can_be_changed_and_switched_off():
    limits = Limits(temperature_max=50, charge_min=None)
    ups = (
        Scenario(EventMachine(limits))
        .full("OL")
        .full("OL", ups_temperature=45, battery_charge=5)
        .full("OL", ups_temperature=51)
        .full("OL", ups_temperature=51)
    )
    assert names(ups) == ["HOT"]


def test_mains_of_120_v_are_not_low():
    assert names(Scenario(input_voltage_nominal=120, input_voltage=118).full("OL").full("OL")) == []
    assert names(Scenario(input_voltage_nominal=120, input_voltage=90).full("OL").full("OL")) == ["INPUT_LOW"]


def test_voltage_out_of_range_takes_two_samples():
    ups = Scenario(input_transfer_low=184, input_transfer_high=264).full("OL", input_voltage=230)
    ups.full("OL", input_voltage=270).full("OL", input_voltage=230).full("OL", input_voltage=266)
    first = ups.at
    ups.full("OL", input_voltage=272).full("OL", input_voltage=268).full("OL", input_voltage=230)
    event = ups.event("VOLTAGE")
    assert (event.started, event.ended) == (first, ups.at)
    assert event.figures["highest"] == 272


def test_no_mains_are_no_voltage_out_of_range():
    ups = (
        Scenario(input_transfer_low=184)
        .full("OL", input_voltage=230)
        .full("OB", input_voltage=0)
        .full("OB")
        .full("OL", input_voltage=230)
    )
    assert "VOLTAGE" not in names(ups)


def test_ol_dischrg_is_an_outage_only_where_the_config_says_so():
    story = [("OL", 230), ("OL DISCHRG", 150), ("OL DISCHRG", 150), ("OL CHRG", 230)]
    for rule, expected in ((False, []), (True, [(OPENED, "ONBATT"), (CLOSED, "ONBATT")])):
        ups = Scenario(EventMachine(Limits(input_voltage_min=None), rule), input_transfer_low=184)
        for status, volts in story:
            ups.full(status, input_voltage=volts)
        assert [change for change in ups.seen() if change[1] == "ONBATT"] == expected
    draining = (
        Scenario(EventMachine(discharging_is_outage=True), input_transfer_low=184)
        .full("OL")
        .full("OL DISCHRG", input_voltage=230)
    )
    assert names(draining) == []


def test_a_self_test_keeps_its_result_and_voltages():
    ups = (
        Scenario(ups_test_result="Done and passed", battery_voltage=27.2)
        .full("OL")
        .full("OL", ups_test_result="In progress")
    )
    began = ups.at
    ups.full("OL", battery_voltage=24.9).full("OL", battery_voltage=25.6, ups_test_result="Done and warning")
    event = ups.event("TEST")
    assert (event.started, event.ended, event.complete) == (began, ups.at, True)
    assert event.figures["result"] == "Done and warning" and event.figures["started_by"] == "the UPS"
    assert event.figures["battery_voltage_before"] == 27.2
    assert event.figures["lowest_battery_voltage"] == 24.9 and event.figures["battery_voltage_after"] == 25.6


def test_a_self_test_between_two_polls_is_seen_by_what_it_left():
    ups = (
        Scenario(ups_test_result="Done and passed", ups_test_date="2026/10/01")
        .full("OL")
        .full("OL", ups_test_date="2026/11/01")
    )
    event = ups.event("TEST")
    assert event.ended and not event.complete and event.figures["result"] == "Done and passed"


@pytest.mark.parametrize("result", ["No test initiated", "Test scheduled", ""])
def test_no_test_is_no_event(result):
    assert names(Scenario(ups_test_result=result).full("OL").full("OL").full("OL")) == []
    assert (
        names(Scenario(ups_test_result="Done and passed").full("OL").full("OL", ups_test_result=result)) == []
    )


def test_the_word_test_is_one():
    ups = Scenario().full("OL").status("OL TEST").full("OL TEST").full("OL")
    assert ups.event("TEST").ended == ups.at


def test_our_own_command_starts_a_test_and_names_who_did():
    ups = Scenario(ups_test_result="Done and passed", battery_voltage=27).full("OL")
    ups.command("beeper.mute")
    assert "TEST" not in ups.machine.open
    ups.command("test.battery.start.quick")
    event = ups.machine.open["TEST"]
    assert event.figures == {
        "started_by": "owner",
        "command": "test.battery.start.quick",
        "battery_voltage_before": 27,
    }
    ups.full("OL", 10).full("OL", 10, ups_test_result="In progress").full(
        "OL", 10, ups_test_result="Done and passed"
    )
    assert event.ended == ups.at and event.complete and event.figures["result"] == "Done and passed"


def test_a_test_that_never_tells_a_result_is_given_up():
    ups = Scenario(ups_test_result="Done and passed").full("OL")
    ups.command("test.battery.start")
    event = ups.machine.open["TEST"]
    for _ in range(100):
        ups.full("OL", 10)
    assert event.ended and not event.complete and "never reported" in event.detail


def test_a_failed_poll_marks_what_is_open_once():
    ups = Scenario().full("OL").full("OL BYPASS").full("OL BYPASS").failed().failed().failed()
    assert ups.changes.count((UPDATED, "BYPASS")) == 1 and not ups.event("BYPASS").complete


def test_a_ups_that_is_gone_closes_what_is_open():
    ups = Scenario().full("OL").full("OB")
    ups.machine.retire(ups.at + 5, "gone")
    assert ups.event("ONBATT").ended == ups.at + 5 and not ups.event("ONBATT").complete


def test_an_order_claims_the_test_that_began_since_and_no_other():
    ups = Scenario(ups_test_result="No test initiated").full("OL")
    sent = ups.at
    ups.full("OL", ups_test_result="In progress")
    ups.command("test.battery.start", at=sent)
    (event,) = ups.machine.open.values()
    assert event.figures["started_by"] == "owner" and event.figures["command"] == "test.battery.start"
    ups.command("test.battery.start", "another", at=ups.at + 60)
    assert event.figures["started_by"] == "owner"


def test_an_order_of_which_nobody_knows_opens_nothing():
    ups = Scenario(ups_test_result="No test initiated").full("OL")
    ups.command("test.battery.start", confirmed=False)
    assert "TEST" not in ups.machine.open


@pytest.mark.parametrize(("good", "bad"), [(1, 2), (3, 5), (10, 2), (25, 40)])
def test_a_server_that_flaps_is_one_event_with_a_count(good, bad):
    ups, times = Scenario().full("OL"), 200
    for _ in range(times):
        for _ in range(bad):
            ups.failed()
        for _ in range(good):
            ups.full("OL")
    [event] = ups.events
    assert event.event == "COMMBAD" and event.ended is not None
    assert event.figures["count"] == times
    assert event.figures["failed_polls"] == times * bad
    assert event.started == START + 4
    ups.full("OL", after=61)
    ups.failed().failed()
    assert [one.event for one in ups.events] == ["COMMBAD", "COMMBAD"]
    assert ups.events[1].ended is None and "count" not in ups.events[1].figures


def test_a_transformer_that_hunts_is_one_event_with_a_count():
    ups = Scenario(input_voltage=230)
    for _ in range(100):
        ups.full("OL TRIM").full("OL TRIM").full("OL").full("OL")
    [event] = ups.events
    assert event.event == "TRIM" and event.figures["count"] == 100


def test_outages_are_never_put_together():
    ups = Scenario(battery_charge=90).full("OL")
    for _ in range(5):
        ups.full("OB DISCHRG").full("OB DISCHRG").full("OL").full("OL")
    assert [one.event for one in ups.events] == ["ONBATT"] * 5


def test_an_event_that_goes_on_for_another_reason_names_both():
    ups = Scenario().full("OL").failed("crc", "device").failed("crc", "device").full("OL")
    ups.failed("zeros", "device").failed("zeros", "device")
    [event] = ups.events
    assert event.figures["outcomes"] == ["crc", "zeros"] and event.figures["count"] == 2


def test_a_loss_in_another_place_is_another_event():
    ups = Scenario().full("OL")
    ups.failed().failed().full("OL").failed("driver", "driver").failed("driver", "driver")
    assert [one.figures["where"] for one in ups.events] == ["server", "driver"]


def test_a_failed_self_test_is_an_event_until_another_result():
    ups = Scenario(ups_test_result="Done and passed").full("OL").full("OL")
    ups.full("OL", ups_test_result="Done and error")
    failed = ups.machine.open["TEST_FAILED"]
    assert (failed.detail, failed.complete) == ("Done and error", True)
    ups.full("OL", ups_test_result="In progress").full("OL", ups_test_result="Aborted: battery disconnected")
    assert ups.machine.open["TEST_FAILED"] is failed
    assert failed.detail == "Aborted: battery disconnected"
    ups.status("OL").full("OL", ups_test_result="Done and passed")
    assert failed.ended == ups.at


@pytest.mark.parametrize("result", ["Done and warning", "No test initiated", "0", "", "Test scheduled"])
def test_another_result_is_no_failed_self_test(result):
    assert "TEST_FAILED" not in Scenario(ups_test_result=result).full("OL").full("OL").machine.open
