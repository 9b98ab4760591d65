"""What /energy says of a period: parts that compare, steps, gaps, hours of the day. Days of 23 and 25 h."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.db.time import format_utc
from reporting.energy_period import (
    before,
    compare,
    describe_gap,
    draw_steps,
    draw_usual_day,
    greatest_gaps,
    greatest_step,
    measured_runs,
    name_period,
    same_part,
    shares_of,
    step_of,
    steps_of,
)
from reporting.formatting import format_energy, format_money
from reporting.periods import local_periods
from reporting.report_period import parse_period

ROME = "Europe/Rome"


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ROME)).timestamp()


def period_of(now, **given):
    return parse_period(given, ROME, now=at(now))


def row(start, ups, kwh, covered_s=86_400, uncovered_s=0, **more):
    names = {None: "House", 1: "rack@closet", 2: "desk@closet"}
    return {
        **{"period": start, "starts_at": format_utc(at(start)), "ups": ups, "name": names[ups], "kwh": kwh},
        **{"covered_s": covered_s, "uncovered_s": uncovered_s, "cost": None, "currency": None},
        **{"coverage": round(100 * covered_s / (covered_s + uncovered_s), 1), "unpriced_kwh": None, **more},
    }


@pytest.mark.parametrize(
    ("now", "given", "ends"),
    [
        ("2026-11-30 06:20", {"period": "month", "of": "2026-11"}, ("2026-11-30 06:00", "2026-10-30 06:00")),
        ("2026-03-31 06:20", {"period": "month", "of": "2026-03"}, ("2026-03-31 06:00", "2026-03-01 00:00")),
        ("2026-11-30 06:20", {"period": "day", "of": "2026-11-30"}, ("2026-11-30 06:00", "2026-11-29 06:00")),
        ("2026-10-25 06:20", {"period": "day", "of": "2026-10-25"}, ("2026-10-25 06:00", "2026-10-24 06:00")),
        (
            "2026-11-26 06:20",
            {"period": "week", "of": "2026-11-26"},
            ("2026-11-26 06:00", "2026-11-19 06:00"),
        ),
        ("2028-02-29 06:20", {"period": "year", "of": "2028"}, ("2028-02-29 06:00", "2027-02-28 06:00")),
        ("2026-12-30 06:20", {"period": "month", "of": "2026-11"}, ("2026-12-01 00:00", "2026-11-01 00:00")),
    ],
)
def test_periods_compare_up_to_the_same_time_of_the_calendar(now, given, ends):
    period = period_of(now, **given)
    assert same_part(period, before(period, at(now))) == tuple(at(one) for one in ends)


def test_what_was_hardly_measured_is_not_compared():
    spans = (86_400.0, 86_400.0)
    rows, earlier = [row("2026-11-30", 1, 2.0), row("2026-11-30", None, 2.0)], [row("2026-11-29", None, 2.5)]
    found = compare(rows, earlier, spans, 1)
    assert found.comparable and found.per_cent == -20
    late = compare(rows, [row("2026-11-29", None, 2.5, covered_s=8640)], spans, 1)
    assert not late.comparable and late.before_coverage == 10
    assert not compare(rows, earlier, spans, 2).comparable, "there is a UPS more than was measured then"
    assert compare(rows, [], spans, 1) is None and compare([], earlier, spans, 1) is None


def test_steps_have_their_places_also_where_nothing_is_known():
    period = period_of("2026-11-10 12:00", period="month", of="2026-11")
    rows = [
        row("2026-11-03", 1, 1.0, 79_200, 7200),
        row("2026-11-03", None, 1.0, 79_200, 7200),
        row("2026-11-02", 1, 3.0),
        row("2026-11-02", None, 3.0),
    ]
    steps = steps_of(rows, period)
    assert len(steps.periods) == 30 and steps.house("kwh")[:4] == [None, 3.0, 1.0, None]
    assert greatest_step(steps, ROME) == ("Mon 2 Nov 2026", 3.0)
    (gap,) = greatest_gaps(steps, ROME)
    assert describe_gap(gap, {"rack@closet": "Rack"}, 2) == "Tue 3 Nov 2026: no data for 2 h (Rack)"
    half = [row("2026-11-02", ups, 1.0, 43_200, 43_200) for ups in (1, None)]
    ((start, width),) = measured_runs(steps_of([*rows[:2], *half], period), "rack@closet")
    assert (start, width) == (pytest.approx(5, abs=0.01), pytest.approx(100 * 34 / 24 / 30, abs=0.01))
    ((start, width),) = measured_runs(steps, "rack@closet")
    assert start == pytest.approx(100 / 30, abs=0.01) and width == pytest.approx(
        100 * (1 + 22 / 24) / 30, abs=0.01
    )


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23)])
def test_hours_stand_beside_the_same_hours_of_the_day_before(day, hours):
    period = period_of(f"{day} 23:59", period="day", of=day)
    earlier = before(period, at(f"{day} 23:59"))
    steps = steps_of([], period)
    assert len(steps.periods) == hours and step_of(period) == "hour"
    known = [
        {
            **row(day, ups, float(datetime.fromtimestamp(one.start, ZoneInfo(ROME)).hour)),
            "starts_at": format_utc(one.start),
        }
        for one in local_periods("hour", earlier.since, earlier.end, ROME)
        for ups in (1, None)
    ]
    ours = [{**row(day, ups, 1.0), "starts_at": format_utc(period.since)} for ups in (1, None)]
    chart = draw_steps(
        steps_of(ours, period),
        steps_of(known, earlier),
        ["rack@closet"],
        ["Rack"],
        None,
        "the day before",
        ROME,
        0,
    )
    clock = [datetime.fromtimestamp(one.start, ZoneInfo(ROME)).hour for one in steps.periods]
    assert list(chart.source.ghost) == [float(hour) for hour in clock]


def test_shares_are_of_all_and_the_greatest_comes_first():
    rows = [row("2026-11-30", 1, 1.0), row("2026-11-30", 2, 3.0), row("2026-11-30", None, 4.0)]
    assert [(one.name, one.per_cent) for one in shares_of(rows)] == [
        ("desk@closet", 75.0),
        ("rack@closet", 25.0),
    ]


def test_the_usual_day_has_a_colour_for_each_tariff():
    def hour(number, tariff, price, ups=1):
        return {
            "hour": f"{number:02d}",
            "ups": ups,
            "mean_kwh": 0.25,
            "tariff": tariff,
            "price_per_kwh": price,
            "currency": "EUR",
        }

    rows = [
        hour(number, 1 if number > 6 else 2, 0.34 if number > 6 else 0.22, ups)
        for number in range(24)
        for ups in (1, 2)
    ]
    chart = draw_usual_day(rows, "month")
    assert chart.source.labels == ["€\u202f0.34 a kWh", "€\u202f0.22 a kWh"]
    assert chart.source.bars[3].values == [None, 0.5] and chart.source.bars[12].values == [0.5, None]
    mixed = draw_usual_day([hour(5, 1, 0.34), hour(5, 2, 0.22)], "day")
    assert mixed.source.labels == ["several tariffs"] and mixed.source.bars[5].values == [0.25]
    assert draw_usual_day([hour(5, None, None)], "month").source.labels == ["no tariff"]
    assert draw_usual_day([], "month") is None


def test_periods_have_names():
    now = at("2026-11-30 06:00")
    assert name_period(period_of("2026-11-30 06:00", period="month", of="2026-11"), now) == "November"
    assert name_period(period_of("2026-11-30 06:00", period="month", of="2025-12"), now) == "December 2025"
    assert name_period(period_of("2026-11-30 06:00", period="week", of="2026-11-30"), now) == "week 49"


def test_figures_in_sentences():
    assert [format_energy(one) for one in (2.415, 81.26, 221.7, 1234.5, None)] == [
        "2.42",
        "81.3",
        "222",
        "1,234",
        "–",
    ]
    assert (
        format_money(60.818, "EUR") == "€\u202f60.82" and format_money(1060.8, "CHF") == "1,060.80\u202fCHF"
    )
