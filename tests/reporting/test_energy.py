"""Energy by period: what was not measured counts by one rule, for one UPS and for all together."""

import pytest

from reporting.energy import HOUSE, counted_gap, totals, with_counted_gaps

DAY_S = 86_400


def rows(*gaps, starts_at="2026-11-30"):
    """A row for each UPS with its gap in seconds, and that of the House, as energy_by_day has them."""
    found = [
        {"ups": number, "name": f"u{number}", "covered_s": DAY_S - gap, "uncovered_s": gap}
        for number, gap in enumerate(gaps, 1)
    ]
    house = {"ups": None, "name": HOUSE, "covered_s": len(gaps) * DAY_S - sum(gaps), "uncovered_s": sum(gaps)}
    more = {"starts_at": starts_at, "kwh": None, "cost": None, "currency": None}
    return [{**row, **more} for row in (*found, house)]


@pytest.mark.parametrize(("seconds", "counted"), [(None, 0), (0, 0), (59.9, 0), (60, 60), (7200, 7200)])
def test_less_than_a_minute_is_no_gap(seconds, counted):
    assert counted_gap(seconds) == counted


@pytest.mark.parametrize(("gaps", "missing_s"), [((40, 40), 0), ((40, 600), 600), ((60, 600), 660)])
def test_all_together_miss_what_each_misses(gaps, missing_s):
    assert [row["uncovered_s"] for row in with_counted_gaps(rows(*gaps))] == [*gaps, missing_s]
    assert totals(rows(*gaps))[HOUSE].uncovered_s == missing_s


def test_all_together_are_measured_in_full_where_each_is():
    found = totals(rows(40, 40))
    assert [found[name].coverage for name in ("u1", "u2", HOUSE)] == [100, 100, 100]
    found = totals(rows(40, 90))
    assert [found[name].coverage for name in ("u1", "u2", HOUSE)] == [100, 99.8, 99.9]


def test_what_one_misses_is_summed_over_the_steps_of_a_period():
    found = totals([*rows(40, 0), *rows(40, 0, starts_at="2026-12-01")])
    assert (found["u1"].coverage, found[HOUSE].uncovered_s) == (99.9, 80)
