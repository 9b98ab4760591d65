"""Discharges and forecasts from levels by the day: what is told, what is not, and why."""

import random
from datetime import date

import pytest

from ingest.battery_voltage import BATTERY_TYPES
from ingest.forecast.courses import BENT, GAUGES, KNEES, all_courses, courses_for
from ingest.forecast.curves import VOLT_CURVES
from ingest.forecast.estimate import too_little
from ingest.forecast.history import days_of, discharges, predict
from ingest.forecast.knots import DayLevel, knots_of, step_of

DAY = 739_000  # some day


def falling(life, until, begin=DAY, course=lambda used: 100 * (1 - used)):
    """A level a day, of a battery that lasts `life` days."""
    levels = [float(round(course(day / life))) for day in range(until)]
    return [DayLevel(begin + day, level, level) for day, level in enumerate(levels)]


def test_days_have_their_middle_and_lowest_level():
    rows = [("2026-05-01", 60.0, 1), ("2026-05-01", 80.0, 3), ("2026-05-02", 79.0, 2)]
    assert [(day.level, day.lowest) for day in days_of(rows)] == [(80, 60), (79, 79)]


@pytest.mark.parametrize("life", [60, 200, 900])
def test_a_steady_discharge_ends_where_its_line_does(life):
    found = predict([falling(life, round(0.8 * life))])
    left = life - round(0.8 * life) + 1
    assert found.low < left < found.high and abs(found.days - left) < 0.12 * left
    assert found.high - found.low < 0.6 * left and found.method == "straight line"


def of_cell(curve, until):
    """A level a day of a cell whose sketch reports its volts, and which lasts 400 days."""
    full, empty = curve.full.volts, curve.empty.volts
    life = 400 / curve.used_at(empty)  # of its whole charge

    def level(used):
        return min(100.0, max(0.0, 100 * (curve.volts[round(used * 1000)] - empty) / (full - empty)))

    return falling(life, until, course=level)


@pytest.mark.parametrize("chemistry", ["alkaline", "lithium", "lipo"])
def test_the_curve_of_a_chemistry_ends_sooner_than_its_line(chemistry):
    days = of_cell(next(curve for curve in VOLT_CURVES if curve.chemistry == chemistry), 360)
    found = predict([days], chemistry)
    assert found.low <= 41 <= found.high + 1 and abs(found.days - 41) < 15
    assert found.method == f"{chemistry}, by its voltage" and f"{chemistry} as set" in found.basis


@pytest.mark.parametrize("chemistry", ["", "alkaline", "lithium"])
@pytest.mark.parametrize("life", [200, 250])
def test_the_end_of_a_gauge_whose_table_has_kinks_is_in_the_interval(chemistry, life):
    table = [(0, 100), (0.2, 72), (0.5, 48), (0.8, 28), (0.9, 15), (1, 0)]

    def level(used):
        right = next(place for place, (x, _) in enumerate(table) if x >= used and place)
        (x0, y0), (x1, y1) = table[right - 1], table[right]
        return y0 + (y1 - y0) * (used - x0) / (x1 - x0)

    found = predict([falling(life, life - 14, course=level)], chemistry)
    assert found.low <= 14 <= found.high and found.days < 20


def test_every_type_has_courses_and_every_course_falls_to_0():
    assert {curve.chemistry for curve in VOLT_CURVES} == set(BATTERY_TYPES)
    for values in [course.levels for course in all_courses()] + [curve.volts for curve in VOLT_CURVES]:
        assert list(values) == sorted(values, reverse=True) and values[0] > values[-1]
    assert max(course.levels[-1] for course in all_courses()) < 2
    for chemistry in ("", *BATTERY_TYPES):
        chosen = courses_for(chemistry)
        assert sum(weight for _, weight in chosen) == pytest.approx(1)
        kinds = {course.chemistry for course, _ in chosen}
        assert kinds == ({"", chemistry} if chemistry else {"", *BATTERY_TYPES})
        assert sum(not course.chemistry for course, _ in chosen) == GAUGES + KNEES + BENT


def test_levels_that_stick_are_known_best_when_they_change():
    days = falling(400, 361, course=lambda used: 10 * round(10 * (1 - used)))
    knots = knots_of(days)
    assert step_of(days) == 10 and step_of(falling(400, 361)) == 1
    assert len(knots) == 10 and [knot.place for knot in knots] == sorted(
        (knot.place for knot in knots), reverse=True
    )
    # A level of 5 is reported as 0: the course ends there, half a step below its levels.
    for knot in knots[1:]:
        assert abs(knot.level - (100 * (1 - knot.place * 0.9) - 4.5)) < 1
    found = predict([days])
    assert found.low < 20 < found.high and abs(found.days - 20) < 6


def test_a_flat_course_has_no_forecast_but_the_range():
    iron_disulphide = [curve for curve in VOLT_CURVES if curve.chemistry == "lithium"][1]
    found = predict([of_cell(iron_disulphide, 320)])
    assert found[:4] == (None, None, None, None)
    assert "agree with an end" in found.basis and "too uncertain for a forecast" in found.basis


def test_a_change_begins_anew_whether_or_not_it_was_recorded():
    before, after = falling(200, 190), falling(200, 50, DAY + 190)
    assert discharges([*before, *after]) == [before, after]
    changed = date.fromordinal(DAY + 1).isoformat()
    first, second = discharges(before, [changed])
    assert [len(first), len(second)] == [1, 188]
    assert discharges(before, ["2999-01-01"])[-1] == []
    assert (
        "no level was reported since its battery was changed"
        in predict(discharges(before, ["2999-01-01"])).basis
    )


def test_the_discharge_before_shows_how_long_one_lasts():
    parts = [falling(300, 290), falling(300, 40, DAY + 290)]
    alone, both = predict(parts[1:]), predict(parts)
    assert alone.days is None and "too uncertain for a forecast" in alone.basis
    assert both.low < 260 < both.high and abs(both.days - 260) < 40
    assert "the one before lasted" in both.basis


def test_a_few_false_levels_change_little():
    days = falling(200, 150)
    noisy = [day._replace(level=0.0, lowest=0.0) if day.day % 37 == 5 else day for day in days]
    assert abs(predict([noisy]).days - predict([days]).days) < 10


def test_levels_that_stick_and_missing_weeks():
    sticky = falling(300, 240, course=lambda used: 5 * round(20 * (1 - used)))
    found = predict([[day for day in sticky if not 80 < day.day - DAY < 110]])
    assert found.low < 60 < found.high and abs(found.days - 60) < 20


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([[]], "no battery level with its time was reported"),
        ([falling(100, 4)], "levels of 4 days: at least 5 are needed"),
        ([falling(30, 6)], "levels of 5 days: at least 7 are needed"),
        ([falling(2000, 20)], "the level fell by 1 %: at least 3 % are needed"),
        ([falling(40, 20, DAY + 20 * number) for number in range(5)], "charged again and again"),
        ([falling(90_000, 6000)], "more than ten years"),
    ],
)
def test_too_little_is_said_with_the_reason(parts, reason):
    found = predict(parts)
    assert found[:4] == (None, None, None, None) and reason in found.basis


def test_an_empty_battery_has_the_day_on_which_it_became_so():
    found = predict([falling(100, 101) + falling(100, 5, DAY + 101, lambda used: 0)])
    assert (found.days, found.low, found.high, found.method) == (-5, -5, -5, "reached")
    assert "since" in found.basis


def test_the_interval_holds_what_comes():
    """Of discharges with noise and a rate that changes, by a walk that is not in the estimator."""
    inside, lines = 0, 16
    for number in range(lines):
        rnd, left, rate, levels = random.Random(f"held out {number}"), 100.0, 1.0, []
        life = rnd.uniform(120, 400)
        while left > 0:
            rate = min(1.6, max(0.6, rate + rnd.gauss(0, 0.03)))
            left -= rate * 100 / life
            levels.append(max(0.0, float(round(left + rnd.gauss(0, 0.7)))))
        days = [DayLevel(DAY + day, level, level) for day, level in enumerate(levels[:-30])]
        assert not too_little(days)
        found = predict([days])
        inside += found.low <= 31 <= found.high
    assert 0.55 * lines <= inside
