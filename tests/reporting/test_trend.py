"""When a value is said to rise or to fall."""

import pytest

from reporting.charts import Point
from reporting.trend import Trend, find_trend

HOUR = 3600


def line(values, step=HOUR):
    """Points that end now, at 0."""
    return [
        Point((place - len(values) + 1) * step, value, value, value) for place, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([9, 8, 6, 4, 3, 4, 5, 6.8, 6.5, 8], ("rising", -5 * HOUR)),  # a small step back is no turn
        ([9, 8, 6, 4, 3, 3, 3, 5, 6, 8], ("rising", -3 * HOUR)),  # from the last of the lowest
        ([3, 5, 8, 9, 8, 7, 5, 4], ("falling", -4 * HOUR)),
        ([9, 3, 4, 6, 9, 6, 8], None),  # it fell back by half
        ([0, 10, 5, 5.2, 5.4, 5.6], None),  # slowly up after a fall is neither
        ([0, 10, 8, 7], None),  # too few values
        ([4, 4, 4, 4, 4, 4], None),
        ([3], None),
        ([], None),
    ],
)
def test_a_trend_is_true_since_its_turn(values, expected):
    assert find_trend(line(values), 0) == expected


def test_a_trend_needs_an_hour_without_a_gap_up_to_now():
    rising = list(range(10))
    assert find_trend(line(rising), 0) == ("rising", -9 * HOUR)
    assert find_trend(line(rising), 2 * HOUR) is None
    assert find_trend(line(rising, step=300), 0) is None
    assert find_trend([*line(rising)[:6], *line(rising)[9:]], 0) is None


def test_a_trend_as_a_sentence():
    noon = 1_795_953_600  # 29 Nov 2026 12:00 UTC
    rising = Trend("rising", noon - 6 * HOUR)
    assert rising.describe("Europe/Vienna", noon, about=False) == "Rising since 07:00."
    assert rising.describe("UTC", noon + 24 * HOUR, about=True) == "Rising since about 29 Nov 06:00."
