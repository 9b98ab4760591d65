"""Forecasts of UPS batteries: against discharges computed here, and what is not known with its reason."""

import math
import random

import pytest

from benchmarks import ups_forecast as simulated
from ingest.db.time import format_utc
from ingest.ups.battery_forecast import NO_AGE, YEAR_S, forecast_battery, parse_past_discharge
from ingest.ups.self_tests_compared import compare_tests

NEW = 1_600_000_000.0
NEW_AT = format_utc(NEW)


def outage(years, full_s, watts=100.0, lost=50.0, temperature=None, estimated=False, **changes):
    """A discharge of `lost` % at that age, where a full charge lasts `full_s`."""
    seconds = full_s * lost / 100
    figures = {
        "seconds": seconds,
        "covered_s": seconds,
        "samples": 60,
        "watts_avg": watts,
        "charge_start": 100.0,
        "lowest_charge": 100.0 - lost,
        **changes,
    }
    at = format_utc(NEW + years * YEAR_S)
    return parse_past_discharge(at, True, figures, temperature, estimated)


def ask(past, years, watts=100.0, changed_at=NEW_AT, temperature=None):
    return forecast_battery(past, changed_at, NEW + years * YEAR_S, watts, temperature)


def ageing(years, life=4.0):
    return 1 - 0.2 * (years / life) ** 2


AGES = [0.1, 0.4, 0.9, 1.3, 1.8, 2.2, 2.7, 3.1, 3.4]


def test_capacity_date_and_runtime_follow_the_discharges():
    found = ask([outage(age, 3600 * ageing(age)) for age in AGES], 3.5)
    assert found.counted == len(AGES) and found.basis == "9 discharges over 3.3 years at 100 W"
    assert found.capacity.middle == pytest.approx(ageing(3.5), abs=0.03)
    assert found.capacity.low < ageing(3.5) < found.capacity.high
    assert (found.replace_at.middle - NEW) / YEAR_S == pytest.approx(4.0, abs=0.7)
    assert found.replace_at.low < NEW + 4 * YEAR_S < found.replace_at.high
    assert found.runtime_s.middle == pytest.approx(3600 * ageing(3.5), rel=0.04)


def test_the_exponent_is_learned_from_discharges_at_several_loads():
    watts = [60, 120, 240, 90, 180, 60, 240, 120, 200]
    past = [
        outage(age, 3600 * ageing(age) * (100 / load) ** 1.3, load)
        for age, load in zip(AGES, watts, strict=True)
    ]
    found = ask(past, 3.5, watts=400.0)
    assert found.runtime_s.middle == pytest.approx(3600 * ageing(3.5) * 0.25**1.3, rel=0.06)
    assert found.capacity.middle == pytest.approx(ageing(3.5), abs=0.04)  # not taken for ageing
    usual = ask(past, 3.5, watts=120.0).runtime_s
    assert math.log(found.runtime_s.high / found.runtime_s.low) > math.log(usual.high / usual.low)


def test_a_cold_garage_is_not_an_old_battery():
    degrees = [25, 25, 24, 20, 15, 25, 10, 5, 5]
    past = [
        (age, 3600 * ageing(age) * (1 + 0.01 * (warm - 20)), warm)
        for age, warm in zip(AGES, degrees, strict=True)
    ]
    corrected = ask([outage(age, full, temperature=warm) for age, full, warm in past], 3.5, temperature=5)
    plain = ask([outage(age, full) for age, full, _ in past], 3.5)
    assert corrected.capacity.middle == pytest.approx(ageing(3.5), abs=0.03)
    assert plain.capacity.middle < corrected.capacity.middle - 0.04
    assert corrected.basis.endswith("brought to 20 °C")
    assert corrected.runtime_s.middle == pytest.approx(3600 * ageing(3.5) * 0.85, rel=0.05)


def test_what_is_not_known_has_its_reason():
    none = ask([], 1)
    assert (none.counted, none.basis, none.runtime_basis) == (0, *["no discharge yet"] * 2)
    short = ask([outage(1, 3600, lost=5.0, covered_s=180.0, seconds=180.0)], 2)
    assert short.basis == "no discharge yet that counts: too short to tell" and short.runtime_s is None
    past = [outage(age, 3600) for age in (0.1, 0.5, 0.9)]
    two = ask(past[:2], 2)
    assert two.basis == "2 discharges count, 3 are needed to show ageing"
    assert (two.capacity, two.replace_at) == (None, None) and two.runtime_s.middle > 2000
    ageless = ask(past, 2, changed_at=None)
    assert ageless.basis == NO_AGE and ageless.capacity is None and ageless.runtime_s is not None
    assert "60 days" in ask([outage(age, 3600) for age in (0.1, 0.15, 0.2)], 2).basis
    loadless = ask(past, 2, watts=None)
    assert (loadless.runtime_s, loadless.runtime_basis) == (None, "the load is not known")
    assert loadless.capacity is not None


def test_discharges_of_the_battery_before_and_half_seen_ones_do_not_count():
    past = [outage(age, 3600) for age in (0.1, 0.5, 0.9)]
    changed = ask(past, 2, changed_at=format_utc(NEW + 0.3 * YEAR_S))
    assert changed.counted == 2
    half_seen = outage(1.5, 3600, covered_s=900.0)  # of 1800
    assert ask([*past, half_seen], 2).counted == 3
    assert ask([half_seen], 2).basis.endswith("not seen from start to end")


def test_an_estimated_charge_shows_nothing_but_the_time_to_lb_does():
    past = [outage(age, 3600, estimated=True) for age in (0.1, 0.5, 0.9)]
    assert "neither a loss of charge nor LB" in ask(past, 2).basis
    to_low = [outage(age, 3600, estimated=True, seconds_to_low=3000.0) for age in (0.1, 0.5, 0.9)]
    assert ask(to_low, 1).runtime_s.middle == pytest.approx(3000, rel=0.1)


def test_no_runtime_is_endless_and_a_battery_of_any_age_has_one():
    past = [outage(age, 3600) for age in (0.1, 0.5, 0.9)]
    assert ask(past, 2, watts=1.0).runtime_s.high <= 7 * 86_400
    assert ask(past, 40).capacity.middle > 0
    assert ask([*past] * 400, 2).counted == 60


@pytest.mark.parametrize("way", simulated.WAYS)
def test_intervals_hold_the_true_values_of_simulated_batteries(way):
    draw = random.Random(f"held out {way.__name__}")
    figures = [one for _ in range(12) for one in simulated.figures_of(simulated.make_battery(draw, way))]
    for name in ("capacity", "runtime", "runtime at another load"):
        own = [one for one in figures if one.name == name]
        inside = [one.found.low <= one.true <= one.found.high for one in own]
        assert sum(inside) >= 0.55 * len(own) and len(own) > 9, (name, inside)
        errors = sorted(abs(one.found.middle / one.true - 1) for one in own)
        assert errors[len(errors) // 2] < 0.12, name


def test_self_tests_are_compared_by_how_far_the_voltage_falls():
    def test(result, *volts):
        names = ("battery_voltage_before", "lowest_battery_voltage")
        return {"result": result, **dict(zip(names, volts, strict=False))}

    passed, failed = "Done and passed", "Done and error"
    falls = [test(passed, 27.2, 26.2), test(passed, 27.2, 26.0), test(passed, 27.2, 26.1)]
    found = compare_tests([*falls, test(None), test(failed, 27.2, 24.1), test(passed)])
    assert found == (5, 1, pytest.approx(1.1), pytest.approx(3.1))
    assert compare_tests(falls[:1]) == (1, 0, 1.0, None)
    assert compare_tests([]) == (0, 0, None, None)


def test_a_change_that_was_not_entered_shows_as_discharges_that_last_longer():
    past = [outage(age, 3600 * ageing(age)) for age in AGES] + [
        outage(3.6 + age / 4, 3600 * ageing(age / 4)) for age in AGES[:5]
    ]
    found = ask(past, 4.1)
    assert found.capacity is found.replace_at is None and found.counted == 5
    day = past[len(AGES)].discharge.started_at[:10]
    assert found.basis == (
        f"discharges since {day} last longer than those before: if the battery was changed, enter when"
    )
    assert found.runtime_s.middle == pytest.approx(3600, rel=0.05)
    assert ask(past, 4.1, changed_at=format_utc(NEW + 3.5 * YEAR_S)).capacity is not None
    # A lighter load since then is no newer battery.
    lighter = [outage(3.6 + age / 4, 6600 * ageing(3.6), 60.0) for age in AGES[:5]]
    assert ask(past[: len(AGES)] + lighter, 4.1).capacity is not None
