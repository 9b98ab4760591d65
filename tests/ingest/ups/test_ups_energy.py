"""Watts by the first rule that can tell them, energy over covered time alone, and hours of the house."""

import pytest

from ingest.db.time import LocalTime
from ingest.ups.energy import EnergyMeter, Observation
from ingest.ups.measurement import measure
from ingest.ups.plausible import parse_value
from ingest.ups.status import describe_status, is_discharging, status_tokens
from ingest.ups.watts import Rating, find_rating
from tests.ingest.ups.scenario import START

OL = frozenset(["OL"])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("230.4", 230.4),
        ("020", 20),
        ("-8.6", -8.6),
        ("21,52", 21.52),
        ("0,125", 0.125),
        ("1,800", None),  # of 1 or of 1800, nobody knows
        ("٣", None),
        ("100.00", 100),
        (" 12 ", 12),
        ("1e3", 1000),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("2024/03/01", None),
        ("OL", None),
        ("12 V", None),
        ("0x10", None),
        ("1.2.3", None),
    ],
)
def test_numbers_are_read_leniently_and_nothing_else_is_one(text, number):
    assert parse_value(text) == number


@pytest.mark.parametrize(
    ("variables", "watts", "rule"),
    [
        ({"ups.realpower": "114", "ups.load": "11", "ups.realpower.nominal": "1000"}, 114, "measured"),
        ({"ups.realpower": "0", "ups.load": "0"}, 0, "measured"),
        ({"ups.load": "24", "ups.realpower.nominal": "900", "ups.power": "400"}, 216, "load x nominal W"),
        ({"ups.power": "400", "ups.load": "24", "ups.power.nominal": "1500"}, 240, "VA x power factor"),
        ({"ups.load": "24", "ups.power.nominal": "1500"}, 216, "load x nominal VA x power factor"),
        ({"ups.load": "24"}, None, None),
        ({}, None, None),
    ],
)
def test_watts_and_the_rule_that_gave_them(variables, watts, rule):
    found = measure(variables)
    assert (found.watts, found.watts_rule) == (pytest.approx(watts) if watts is not None else None, rule)


def test_the_config_overrules_what_the_device_reports():
    assert find_rating({}, 900, 0.7) == Rating(900, None, 0.7)
    reported = {"ups.realpower.nominal": 960.0, "output.powerfactor": 0.8}
    assert find_rating(reported, 900) == Rating(900, None, 0.8)
    assert find_rating(reported) == Rating(960, None, 0.8)


def meter(timezone="Europe/Rome"):
    clock = LocalTime(timezone)
    return EnergyMeter(lambda at: clock.day_and_hour(at)[1])


def feed(meter, seconds, watts=216.0, interval=60.0, tokens=OL):
    return meter.add_observation(Observation(START + seconds, seconds, watts, tokens, interval))


def test_a_gap_of_ten_minutes_in_an_hour_is_left_out():
    one = meter()
    spans = [s for minute in [*range(31), *range(41, 61)] for s in feed(one, 60 * minute)]
    assert sum(s.wh for s in spans) == pytest.approx(216 * 49 / 60)
    assert sum(s.seconds for s in spans) == 49 * 60


def test_three_intervals_are_no_gap_and_more_are():
    one = meter()
    feed(one, 0)
    assert sum(s.seconds for s in feed(one, 180)) == 180
    assert feed(one, 360.1) == []


def test_the_trapezoid_is_exact_for_a_ramp_across_the_hour():
    one = meter()
    feed(one, -600, 100, 1000)
    spans = feed(one, 600, 400, 1000)
    hours = {s.hour_at for s in spans}
    assert len(hours) == (2 if START % 3600 < 600 or START % 3600 > 3000 else 1)
    assert sum(s.wh for s in spans) == pytest.approx(250 * 1200 / 3600)


def test_a_pair_of_samples_over_the_hour_is_split_at_it():
    one, hour = meter(), START // 3600 * 3600
    one.add_observation(Observation(hour - 40, 0, 360.0, OL, 60))
    spans = one.add_observation(Observation(hour + 20, 60, 360.0, OL, 60))
    assert [(s.seconds, pytest.approx(s.wh)) for s in spans] == [(40, 4), (20, 2)]
    assert spans[0].hour_at < spans[1].hour_at and spans[1].hour_at.endswith(":00:00.000Z")


def test_hours_are_those_of_a_house_half_an_hour_off():
    one = meter("Asia/Kolkata")
    (span,) = (feed(one, 0), feed(one, 10))[1]
    assert span.hour_at[14:16] == "30"


def test_a_clock_that_is_set_costs_nothing_and_a_machine_that_slept_leaves_a_gap():
    one = meter()
    one.add_observation(Observation(START, 0, 100.0, OL, 10))
    assert sum(s.seconds for s in one.add_observation(Observation(START + 3610, 10, 100.0, OL, 10))) == 10
    assert sum(s.seconds for s in one.add_observation(Observation(START + 20, 20, 100.0, OL, 10))) == 10
    assert one.add_observation(Observation(START + 3620, 3620, 100.0, OL, 10)) == []  # CLOCK_BOOTTIME counts


def test_time_is_covered_without_watts_too():
    one = meter()
    feed(one, 0, None)
    (span,) = feed(one, 10)
    assert span.seconds == 10 and span.wh is None


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("OL CHRG", {"OL", "CHRG"}, "on mains, charging"),
        ("LB OB DISCHRG", {"OB", "DISCHRG", "LB"}, "on battery, battery low, discharging"),
        ("OL PURPLE", {"OL", "PURPLE"}, "on mains, PURPLE"),
        ("WAIT", set(), "no data yet"),
        ("OL WAIT", set(), "on mains, no data yet"),
        ("", set(), "status not reported"),
        (None, set(), "status not reported"),
    ],
)
def test_a_status_is_a_set_of_words(text, words, told):
    assert status_tokens(text) == words
    assert describe_status(text) == told
    assert is_discharging(status_tokens("OB")) and not is_discharging(status_tokens("OL"))
    assert is_discharging(status_tokens("ACFAIL")) and not is_discharging(status_tokens("OL ACFAIL"))
