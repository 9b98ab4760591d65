"""Battery health: nothing without a discharge, comparisons at one load, accuracy of the prediction."""

import pytest

from ingest.ups.battery_estimate import estimate_basis, estimate_charge, estimate_runtime
from ingest.ups.battery_health import (
    NO_DISCHARGE,
    Discharge,
    assess,
    exclusion_reason,
    parse_discharge,
    scale_to_load,
)

GOOD = Discharge("2026-01-01T00:00:00.000Z", True, 1200.0, 600, 300.0, 100.0, 50.0, 2400.0, None)


def made(**changes):
    return Discharge(**{**GOOD.__dict__, **changes})


def test_without_a_discharge_there_is_no_figure():
    health = assess([])
    assert (
        health.summary == NO_DISCHARGE
        and health.capacity is None
        and health.runtime_accuracy is None
        and health.counted == 0
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"complete": False}, "not seen"),
        ({"samples": 4}, "samples"),
        ({"charge_start": 94.0}, "began at"),
        ({"covered_s": 200.0, "charge_end": 85.0}, "too short"),
        ({"watts": None}, "load is not known"),
        ({"charge_end": 100.0}, "neither"),
        ({"charge_start": None, "charge_end": None}, "neither"),
    ],
)
def test_a_discharge_that_cannot_be_counted_says_why(changes, why):
    assert why in exclusion_reason(made(**changes))
    health = assess([made(**changes)])
    assert health.summary == NO_DISCHARGE and why in health.excluded[0][1]


def test_a_short_one_counts_where_it_took_enough_charge_and_one_to_lb_without_charge():
    assert exclusion_reason(made(covered_s=200.0, charge_end=75.0)) is None
    assert exclusion_reason(made(charge_start=None, charge_end=None, to_low_s=1100.0)) is None


def test_a_load_too_far_from_the_first_is_not_compared():
    health = assess([GOOD, made(started_at="2026-02", watts=361.0)])
    assert health.counted == 1 and "too far" in health.excluded[0][1]


def test_two_discharges_are_brought_to_one_load_by_peukert():
    assert scale_to_load(made(watts=360.0), 300.0).covered_s == pytest.approx(1200 * 1.2**1.15)
    assert scale_to_load(GOOD, 300.0) == GOOD


def test_capacity_is_the_latest_against_the_first_ones():
    old = [made(started_at=f"2026-0{month}", covered_s=1200.0) for month in (1, 2, 3)]
    health = assess([*old, made(started_at="2026-09", covered_s=900.0)])
    assert health.capacity == pytest.approx(0.75) and health.counted == 4 and "75 %" in health.summary
    assert health.first_full_charge_s == 2400 and health.latest_full_charge_s == 1800


def test_the_accuracy_is_the_real_runtime_as_a_share_of_the_predicted_one():
    assert assess([made(predicted_s=4800.0)]).runtime_accuracy == (0.5, 0.5, 0.5)
    assert assess([made(predicted_s=None)]).runtime_accuracy is None


def test_a_new_battery_begins_anew():
    health = assess(
        [GOOD, made(started_at="2026-06-01T00:00:00.000Z", covered_s=2400.0)],
        since="2026-05-01T00:00:00.000Z",
    )
    assert health.counted == 1 and health.capacity is None and health.first_full_charge_s == 4800


def test_a_row_of_events_becomes_a_discharge():
    figures = {
        "covered_s": 60.0,
        "samples": 30,
        "wh": 5.0,
        "watts_avg": 300.0,
        "charge_start": 100.0,
        "lowest_charge": 90.0,
        "predicted_runtime_s": 600.0,
    }
    discharge = parse_discharge("2026-01-01", 1, figures)
    assert discharge.charge_lost == 10 and discharge.full_charge_s == 600


def discharge(covered_s, lost, watts=200.0, start=100.0, complete=True):
    return Discharge("2026-01-01T00:00:00.000Z", complete, covered_s, 50, watts, start, start - lost)


def test_the_runtime_of_a_ups_that_reports_none_is_learned_from_its_own_discharges():
    assert estimate_runtime([], 80, 200) is None and "no discharge" in estimate_basis([])
    assert estimate_runtime([discharge(60, 1)], 80, 200) is None  # too short to tell
    assert estimate_runtime([discharge(600, 50, complete=False)], 80, 200) is None
    one = [discharge(600, 50)]
    assert estimate_runtime(one, 80, 200) == 960
    assert estimate_runtime(one, 40, 100) == round(1200 * 2**1.15 * 0.4)
    assert estimate_runtime(one, None, 200) is None and estimate_runtime(one, 80, None) is None
    assert estimate_runtime(one, 80, 0) is None
    assert estimate_runtime(one, 100, 1.0) == round(1200 * 200**1.15)
    later = [discharge(600, 50), discharge(300, 50), discharge(330, 50), discharge(360, 50)]
    assert estimate_runtime(later, 100, 200) == 660  # the median of the latest three
    assert estimate_basis(later) == "estimated from 3 discharges of its own"


def test_the_charge_of_a_ups_that_reports_none_is_learned_from_its_own_discharges():
    to_low = Discharge("2026-01-01T00:00:00.000Z", True, 1200.0, 50, 200.0, to_low_s=1200.0)
    assert estimate_charge([], None, "floating") is None
    assert estimate_charge([to_low], None, "floating") == 100
    assert estimate_charge([to_low], None, "charging") is None  # what was put back is not measured
    outage = {"charge_start": 100.0, "seconds": 300.0, "watts_avg": 200.0}
    assert estimate_charge([to_low], outage, "discharging") == 75
    assert estimate_charge([to_low], outage | {"watts_avg": 400.0}, "") == round(100 - 25 * 2**1.15)
    assert estimate_charge([to_low], outage | {"seconds": 5000.0}, "") == 0
    assert estimate_charge([to_low], {"seconds": 300.0, "watts_avg": 200.0}, "") is None
    assert estimate_charge([to_low], {"charge_start": 100.0, "seconds": 9.0}, "") is None
    assert estimate_charge([discharge(60, 1)], outage, "") is None
