"""What a UPS does now, in words, as a flow and in gauges: every case stays honest."""

import pytest

from ingest.ups.limits import Limits
from reporting.gauges import input_gauge, load_gauge, runtime_gauge
from reporting.power_flow import Feed, feed_of, flow_of, level_of, mains_of
from reporting.ups_answer import describe_battery, describe_ups, describe_upses, power_in

ON_MAINS = {
    "label": "Rack",
    "state": "OK",
    "reason": "on mains",
    "status": "OL",
    "mains": "mains",
    "configured": 1,
    "age_s": 4,
    "on_battery_since": None,
    "last_outage_s": None,
    "battery_charge": 100.0,
    "charge_basis": None,
    "battery_runtime": 4460.0,
    "runtime_basis": None,
    "ups_load": 12.0,
    "watts": 115.0,
    "realpower_nominal": 960.0,
    "ups_efficiency": None,
    "input_voltage": 231.1,
    "input_frequency": 50.0,
    "mains_nominal": 230.0,
    "sampled_at": "2026-11-28T10:00:00.000Z",
}
BATTERY = {"state": "Warning", "status": "OB DISCHRG", "mains": "battery", "last_outage_s": 271}
OUTAGE = BATTERY | {"on_battery_since": "2026-11-28T09:55:29.000Z", "battery_charge": 54.0}


def ups(**columns):
    return ON_MAINS | columns


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("columns", "sentences"),
    [
        ({}, "On mains, battery full. It would carry this load for 1 h 14 min."),
        (
            {"battery_charge": 71.0, "status": "OL CHRG"},
            "On mains, charging: 71 %. It would carry this load for 1 h 14 min.",
        ),
        (
            {"battery_charge": None, "battery_runtime": None},
            "On mains. How long it would carry this load is not reported.",
        ),
        (
            {"runtime_basis": "estimated from 2 discharges of its own", "battery_charge": 97.0},
            "On mains, battery at 97 %. It would carry this load for about 1 h 14 min.",
        ),
        (OUTAGE | {"battery_runtime": 1085}, "On battery for 4 min. 18 min left."),
        (
            OUTAGE | {"battery_runtime": 95, "last_outage_s": 61},
            "On battery for 1 min 01 s. 1 min 35 s left.",
        ),
        (
            OUTAGE | {"battery_runtime": 1085, "runtime_basis": "estimated"},
            "On battery for 4 min. About 18 min left.",
        ),
        (
            OUTAGE | {"battery_runtime": None},
            "On battery for 4 min. How long it lasts is not reported; 54 % of charge left.",
        ),
        (
            OUTAGE | {"status": "OB LB", "state": "Critical", "battery_runtime": 200},
            "Battery low. On battery for 4 min. 3 min left.",
        ),
        (
            {"status": "OL OVER", "ups_load": 103.0, "state": "Critical"},
            "Overloaded: 103 % of its rating. On mains, battery full. "
            "It would carry this load for 1 h 14 min.",
        ),
        (
            {"status": "OL BYPASS"},
            "On bypass: its load is not protected. It would carry this load for 1 h 14 min.",
        ),
        (
            {"status": "OB DISCHRG", "mains": "test"},
            "Testing its battery; the mains is there. It would carry this load for 1 h 14 min.",
        ),
        (
            {"status": "OL CAL", "battery_runtime": None},
            "Calibrating its runtime; the mains is there. How long it would carry this load is not reported.",
        ),
        (
            {"status": "OL RB", "reason": "on mains, battery to be replaced"},
            "On mains, but its battery is to be replaced. It would carry this load for 1 h 14 min.",
        ),
        ({"status": "OL NOBATT"}, "On mains, without a battery. It cannot carry its load."),
        ({"status": "OFF", "mains": "mains"}, "Its output is off: nothing is fed."),
        (
            {"status": "OL OB", "mains": None},
            "Whether it is on mains is not known. It would carry this load for 1 h 14 min.",
        ),
        (
            {"status": "FSD OB LB", "state": "Critical", **{"on_battery_since": "x", "last_outage_s": 600}},
            "It is shutting down. Battery low. On battery for 10 min. 1 h 14 min left.",
        ),
        (
            {"state": "Stale", "age_s": 190},
            "No data for 3 min. It was on mains when it was last heard.",
        ),
        (
            OUTAGE | {"state": "Stale", "age_s": 40, "battery_runtime": 1085},
            "No data for 40 s. It was on battery when it was last heard, with 18 min left.",
        ),
        ({"state": "No data", "status": None}, "It has not answered yet."),
        ({"state": "Stale", "configured": 0}, "It is not in the config any more."),
    ],
)
def test_the_answer_of_every_case(columns, sentences):
    assert plain(describe_ups(ups(**columns))) == sentences


@pytest.mark.parametrize(
    ("columns", "feed", "wire_in", "wire_out"),
    [
        ({}, Feed.MAINS, "wire w3", "wire w3"),
        ({"watts": 0.0}, Feed.MAINS, "wire w0", "wire w0"),
        ({"watts": None}, Feed.MAINS, "wire w2", "wire w2"),
        (BATTERY, Feed.BATTERY, "wire cut", "wire w3"),
        ({"status": "OB", "mains": "test"}, Feed.TEST, "wire w0", "wire w3"),
        ({"status": "OL BYPASS"}, Feed.BYPASS, "wire w3", "wire w3"),
        ({"status": "OFF"}, Feed.OFF, "wire unknown", "wire cut"),
        ({"status": "CHRG", "mains": "unknown"}, Feed.UNKNOWN, "wire unknown", "wire w3"),
        ({"state": "Stale"}, Feed.UNKNOWN, "wire unknown", "wire unknown"),
    ],
)
def test_the_flow_of_every_case(columns, feed, wire_in, wire_out):
    flow = flow_of(ups(**columns))
    assert (flow.feed, flow.wire_in.css, flow.wire_out.css) == (feed, wire_in, wire_out)


def test_more_watts_are_a_stronger_flow():
    levels = [level_of(watts) for watts in (0.0, 5.0, 40.0, 100.0, 250.0, 900.0)]
    assert levels == [0, 1, 2, 3, 4, 5]


def test_the_mains_of_all_upses():
    fed, out = ups(input_voltage=229.0), ups(**OUTAGE, input_voltage=0.0)
    assert (mains_of([fed, fed]).word, mains_of([fed, fed]).volts) == ("On mains", 229.0)
    some = mains_of([fed, out, ups(state="Stale")])
    assert (some.word, some.tone, some.volts, some.upses) == ("Mains at 1 of 2", "warning", 229.0, 3)
    none = mains_of([out])
    assert (none.word, none.volts, none.since) == ("No mains", 0.0, OUTAGE["on_battery_since"])
    assert mains_of([ups(state="Stale")]).word == "Not known"
    assert feed_of(ups(state="Stale")) is Feed.UNKNOWN


def test_the_answer_for_all_upses():
    desk = ups(label="Desk", battery_runtime=1085.0)
    assert plain(describe_upses([ups(), desk])) == (
        "Both UPSes are on mains. Desk would be the first to go, after 18 min."
    )
    both = [ups(), ups(**OUTAGE | {"battery_runtime": 300.0})]
    assert plain(describe_upses(both)) == "1 of 2 UPSes is on battery. Rack has 5 min left."
    silent = [ups(state="Stale"), ups(state="No data"), ups(status="OFF")]
    assert describe_upses(silent) == "Of all 3 UPSes none is known to be on mains."
    mute = [ups(battery_runtime=None)] * 3
    assert describe_upses(mute) == "All 3 UPSes are on mains. None of them reports a runtime."
    assert plain(describe_upses([ups()])).startswith("On mains, battery full.")


def test_what_the_battery_does():
    assert describe_battery(ups(), Feed.MAINS, "floating", None) == "Floating"
    assert describe_battery(ups(), Feed.MAINS, "", None) == "Full"
    assert plain(describe_battery(ups(**OUTAGE), Feed.BATTERY, "", 100.0)) == "Discharging, 10.2 % a minute"
    assert describe_battery(ups(**OUTAGE), Feed.BATTERY, "", None) == "Discharging"


def test_power_in_is_measured_or_estimated_or_not_told():
    assert power_in(ups(), Feed.MAINS, 128.0) == (128.0, "as it measures")
    assert power_in(ups(ups_efficiency=92.0), Feed.MAINS, None) == (125.0, "estimated: out ÷ 0.92")
    assert power_in(ups(), Feed.MAINS, None) is None
    assert power_in(ups(ups_efficiency=92.0), Feed.BATTERY, None) is None


def ticks(gauge):
    return [(plain(tick.text), tick.at) for tick in gauge.ticks]


def test_a_gauge_of_the_runtime_has_the_limit_that_counts():
    gauge = runtime_gauge(ups(), {"battery.runtime.low": 120.0}, "ok")
    assert (gauge.figure, gauge.share, gauge.tone) == ("1 h 14 min", 61.94, "ok")
    assert ticks(gauge) == [("critical below 5 min", 4.17)]
    assert gauge.remark == "The UPS calls it low at 2 min."
    assert runtime_gauge(ups(battery_runtime=299.0), {}, "warning").tone == "critical"
    unknown = runtime_gauge(ups(battery_runtime=None), {}, "ok")
    assert (unknown.figure, unknown.note, unknown.share) == ("–", "not reported", None)
    assert "no limit of its own" in unknown.remark


def test_a_gauge_of_the_load_is_against_the_rating():
    gauge = load_gauge(ups(), Limits())
    assert (plain(gauge.figure), plain(gauge.note), gauge.share) == ("115 W", "12 % of 960 W", 12.0)
    assert ticks(gauge) == [("warning 80 %", 80.0)] and gauge.tone == "load"
    over = load_gauge(ups(ups_load=125.0), Limits())
    assert (over.share, over.tone, ticks(over)) == (
        100.0,
        "critical",
        [("warning 80 %", 64.0), ("100 %", 80.0)],
    )
    reckoned = load_gauge(ups(ups_load=None, watts=240.0), Limits(load_max=None))
    assert (reckoned.share, reckoned.remark) == (25.0, "No limit is set.")
    assert load_gauge(ups(ups_load=None, watts=None), Limits()).note == "not reported"
    assert "no rating" in load_gauge(ups(ups_load=None, realpower_nominal=None), Limits()).remark


def test_a_gauge_of_the_mains_says_what_is_not_known():
    both = {"input.transfer.low": 176.0, "input.transfer.high": 288.0}
    gauge = input_gauge(ups(input_voltage=232.0), both, Limits(), "ok")
    assert (gauge.share, gauge.tone, ticks(gauge)) == (50.0, "ok", [("176 V", 12.0), ("288 V", 88.0)])
    assert input_gauge(ups(input_voltage=0.0), both, Limits(), "ok").tone == "critical"
    low = input_gauge(ups(), {"input.transfer.low": 180.0}, Limits(), "ok")
    assert ticks(low) == [("180 V", 12.0)] and "below this" in low.remark
    none = input_gauge(ups(), {}, Limits(), "ok")
    assert ticks(none) == [("usual 230 V", 50.0)] and none.remark == "The UPS reports no limits."
    blind = input_gauge(ups(input_voltage=None, mains_nominal=None), {}, Limits(), "ok")
    assert (blind.figure, blind.note, blind.remark) == ("–", "not measured", "No limits are known.")
