"""Figures of a period beside those of the one before, and the steps of a histogram."""

import math
from itertools import pairwise

import pytest

from reporting.charts import StateSpan
from reporting.measured import Bucket, Comparison, decimals_of, period_words, summarise, whole_hours
from reporting.sql_functions import bin_width
from reporting.state_spans import MOST_SPANS, SEVERAL, merge_short


def buckets(*values):
    return [Bucket(3600.0 * n, value - 0.5, value, value + 0.5, n + 1) for n, value in enumerate(values)]


def compared(now, before, unit="°C", measured=(168, 168), is_counter=False):
    return Comparison(
        summarise(now, is_counter), summarise(before, is_counter), unit, decimals_of(now), 168, *measured
    )


def test_a_span_counts_as_one_however_often_it_was_read():
    found = summarise(buckets(10, 20))
    assert (found.least, found.mean, found.greatest, found.count) == (9.5, 15, 20.5, 3)
    assert summarise([]) is None


@pytest.mark.parametrize(
    ("now", "before", "unit", "words"),
    [
        ([9.5], [10.7], "°C", "1.2\u202f°C colder"),
        ([10.7], [9.5], "°C", "1.2\u202f°C warmer"),
        ([120], [100], "W", "20.0\u202fW higher"),
        ([1], [2], "", "1.0 lower"),
        ([9.51], [9.52], "°C", "0.01\u202f°C colder"),
        ([9.5], [9.5], "°C", "the same on average"),
    ],
)
def test_the_difference_is_that_of_the_shown_means(now, before, unit, words):
    assert compared(buckets(*now), buckets(*before), unit).difference == words


def test_a_counter_is_compared_by_its_increase():
    now, before = buckets(100, 110, 130), buckets(80, 90)
    found = compared(now, before, "kWh", is_counter=True)
    assert (found.now.increase, found.before.increase) == (31, 11)
    assert found.difference == "20.0\u202fkWh more"
    reset = compared(buckets(100, 5), before, "kWh", is_counter=True)
    assert reset.now.increase is None


@pytest.mark.parametrize(
    ("measured", "why"), [((168, 83), "83 of 168 h"), ((168, 0), "nothing"), ((80, 168), "")]
)
def test_a_period_that_was_hardly_measured_is_not_compared(measured, why):
    found = compared(buckets(9.5), buckets(10.5), measured=measured)
    assert found.difference == "" and why in found.why_not


def test_values_have_the_digits_that_were_measured():
    found = compared([Bucket(0, 2.0, 9.46, 15.25, 4)], [])
    assert (found.text(2.0), found.mean_text(9.456), found.text(None)) == ("2.00", "9.46", "–")
    whole = compared([Bucket(0, 438, 440.2, 450, 4)], [], "W")
    assert (whole.text(438), whole.mean_text(440.25), whole.mean_text(12_345.6)) == ("438", "440.2", "12,346")


def test_periods_have_words():
    assert period_words({"range": "7 d"}) == ("This week", "was", "the week before")
    assert period_words({"range": "24 h", "until": "2026-11-01"})[0] == "Those 24 hours"
    assert period_words({"range": "3 d"}) == period_words({"since": "2026-11-01", "range": "7 d"})


def test_hours_by_the_clock_are_counted():
    assert whole_hours(0, 7200) == 2 and whole_hours(1, 7200) == 1 and whole_hours(1, 7201) == 2


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0, 0),
        (5, 5),
        (-3.2, 19.5),
        (0.001, 0.0011),
        (1e6, 9e6),
        (230.1, 230.2),
        (-1e-6, 1e-6),
        (229.99999999999997, 230.0),
    ],
)
def test_the_width_of_a_bin_is_round_and_spans_the_values(low, high):
    width = bin_width(low, high, 14)
    lead = width / 10 ** math.floor(math.log10(width) + 1e-9)
    assert round(lead, 6) in (1, 2, 5, 10)
    assert (high - low) / width <= 14.000001
    assert width > 1e-8 * max(abs(low), abs(high))
    assert bin_width(None, 1, 14) is None


def spans_of(*lengths):
    ends = [sum(lengths[:place]) for place in range(len(lengths) + 1)]
    return [StateSpan(start, end, "on", 1) for start, end in pairwise(ends)]


def test_spans_that_cannot_be_told_apart_are_drawn_as_several_states():
    few = spans_of(*[10] * 100)
    assert merge_short(few) == few and merge_short([]) == []
    burst = merge_short(spans_of(1e6, *[1] * 700, 2e6))
    assert [(one.text, one.end - one.start) for one in burst] == [
        ("on", 1e6),
        (SEVERAL, 700),
        ("on", 2e6),
    ]


def test_a_row_has_a_bounded_number_of_spans_of_the_same_length_in_all():
    many = spans_of(*[86_000, 20] * 3000)
    drawn = merge_short(many)
    assert len(drawn) <= MOST_SPANS
    assert sum(one.end - one.start for one in drawn) == many[-1].end - many[0].start
    gap = [one._replace(start=one.start + 1e9, end=one.end + 1e9) for one in many]
    assert len(merge_short([*many, *gap])) >= 2
