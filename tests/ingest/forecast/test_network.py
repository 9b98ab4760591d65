"""What the network of the forecast is given, how it computes, and when it is asked."""

import math

import pytest

from ingest.battery_voltage import BATTERY_TYPES
from ingest.forecast import estimate
from ingest.forecast import network as network_module
from ingest.forecast.courses import earlier_of
from ingest.forecast.features import AGES, SHARES, features
from ingest.forecast.knots import DayLevel
from ingest.forecast.network import Network, NetworkLayer, days_left, network

DAY = 739_000  # some day


def days_of(levels, every=1):
    """A level each few days."""
    return [DayLevel(DAY + every * number, level, level) for number, level in enumerate(levels)]


STEADY = days_of([100 - number / 2 for number in range(150)])
FEATURES = len(features(STEADY, ""))


@pytest.mark.parametrize(
    "days",
    [
        STEADY,
        days_of([100, 90, 80, 70, 60], 2),
        days_of([100] * 200 + [90] * 50),
        days_of([50, 51] * 30),
        [*days_of([100.0] * 8), DayLevel(DAY + 3000, 0.5, 0.1)],
        days_of([99.99 - number / 7 for number in range(400)], 5),
    ],
)
def test_whatever_the_levels_there_is_each_feature_and_an_interval(days):
    assert FEATURES == len(network().means) == len(network().deviations)
    for chemistry in ("", *BATTERY_TYPES):
        found = features(days, chemistry)
        assert len(found) == FEATURES and all(map(math.isfinite, found))
        assert found[-len(BATTERY_TYPES) :] == [float(chemistry == one) for one in BATTERY_TYPES]
        low, middle, high = days_left(days, chemistry)
        assert 0 <= low <= middle <= high < 3000


def test_a_false_level_is_left_out_and_the_newest_ones_are_not():
    false = [day._replace(level=5.0, lowest=5.0) if day.day == DAY + 100 else day for day in STEADY]
    left_out = [day for day in STEADY if day.day != DAY + 100]
    assert features(false, "") == features(left_out, "") != features(STEADY, "")
    newest = [*STEADY[:-1], STEADY[-1]._replace(level=5.0, lowest=5.0)]
    assert features(newest, "") not in (features(STEADY, ""), features(STEADY[:-1], ""))


def test_before_the_first_day_levels_are_those_of_its_oldest_tenth():
    found = features(days_of([float(100 - number) for number in range(51)]), "")
    means = [50 * (value + 1) for value in found[: len(SHARES) + len(AGES) - 2]]
    assert means[:1] == [50.5] and means[-1] == 97.5 and means[len(SHARES) - 2] == 98


@pytest.fixture
def given(monkeypatch):
    """Makes a network of one unit whose weights for all features are this, and whose outputs are these."""

    def give(deviation, weight, outputs):
        layers = [NetworkLayer([[weight] * FEATURES], [0.0]), NetworkLayer([[1.0]] * 3, outputs)]
        made = Network([0.0] * FEATURES, [deviation] * FEATURES, layers)
        monkeypatch.setattr(network_module, "network", lambda: made)

    return give


def test_the_outputs_are_logarithms_in_any_order_and_never_below_0(given):
    given(1.0, 0.0, [math.log(22), math.log(12), math.log(1)])
    assert days_left(STEADY, "") == pytest.approx((0, 10, 20))


def test_features_are_cut_off_and_less_of_what_is_negative_goes_on(given):
    signs = sum((value > 0) - (value < 0) for value in features(STEADY, "alkaline"))
    given(1e-9, 0.01, [1.0, 1.0, 1.0])
    hidden = 0.05 * signs
    expected = math.exp(1 + (hidden if hidden > 0 else 0.1 * hidden)) - 2
    assert days_left(STEADY, "alkaline")[1] == pytest.approx(expected, rel=0.05)
    given(1e-9, -0.01, [3.0, 3.0, 3.0])
    expected = math.exp(3 + (-hidden if hidden < 0 else -0.1 * hidden)) - 2
    assert days_left(STEADY, "alkaline")[1] == pytest.approx(expected, rel=0.05)


def test_it_counts_half_for_a_level_that_is_counted_where_no_earlier_discharge_is_known(monkeypatch):
    by_courses = estimate.forecast(STEADY, alike=[earlier_of([(day, 100 - day / 2) for day in range(190)])])
    assert 45 < by_courses.days < 56
    monkeypatch.setattr(estimate, "days_left", lambda days, chemistry: (0.0, 10.0, 500.0))
    alone = estimate.forecast(STEADY)
    assert 20 < alone.days < 30 and 5 < alone.low < 15 and 100 < alone.high < 300
    assert alone.course == "straight line"
    earlier = earlier_of([(day, 100 - day / 2) for day in range(190)])
    assert 45 < estimate.forecast(STEADY, own=[earlier]).days < 56
    assert 45 < estimate.forecast(STEADY, alike=[earlier]).days < 56


def test_it_alone_counts_for_a_level_that_fluctuates_and_its_dates_are_whole_days(monkeypatch):
    levels = days_of([round(100 - day / 2) + day % 3 for day in range(100)])
    for given, expected in (((20.0, 30.0, 50.0), (20.5, 30.0, 49.5)), ((1.0, 1.2, 1.4), (1.2, 1.2, 1.2))):
        monkeypatch.setattr(estimate, "days_left", lambda days, chemistry, given=given: given)
        found = estimate.forecast(levels)
        assert (found.low, found.days, found.high) == expected


def test_an_own_earlier_discharge_narrows_the_interval():
    earlier = earlier_of([(day, 100 - day / 2) for day in range(190)])
    own, alike = (estimate.forecast(STEADY, **{which: [earlier]}) for which in ("own", "alike"))
    assert 45 < own.low < own.days < own.high < 56
    assert own.high - own.low < 0.8 * (alike.high - alike.low)


@pytest.mark.parametrize(
    ("fall", "many", "given", "days"),
    [(1 / 13, 1200, (1.0, 2.0, 3.0), 100), (1 / 4, 200, (10.0, 30.0, 601.0), 190)],
    ids=["a long life", "a far end"],
)
def test_the_courses_alone_count_beyond_what_it_was_trained_on(monkeypatch, fall, many, given, days):
    monkeypatch.setattr(estimate, "days_left", lambda days, chemistry: given)
    found = estimate.forecast(days_of([float(round(100 - number * fall)) for number in range(many)]))
    assert found.days == pytest.approx(days, rel=0.1)
