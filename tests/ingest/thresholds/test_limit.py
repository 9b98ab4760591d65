"""When an event of a limit begins and ends: tables of values by time, and the clocks apart."""

import pytest

from ingest.thresholds.limit import Change, LimitWatch, ValueLimit

OPEN, CLOSE, NO = Change.OPENED, Change.CLOSED, None
FROST = ValueLimit(4, is_above=False, for_s=600, hysteresis=0.5)
LOAD = ValueLimit(70, is_above=True)
GONE = object()  # the value did not come
WAIT = object()  # time passes without a value


def play(watch, *steps, holds_s=None, gap_s=None, wall=1_000_000.0):
    """Apply (moment, value) one after the other; returns the changes."""
    found = []
    for moment, value in steps:
        if value is GONE:
            watch.doubt()
            found.append(None)
        elif value is WAIT:
            found.append(watch.elapse(moment))
        else:
            found.append(watch.take(value, wall + moment, moment, holds_s, gap_s))
    return found


@pytest.mark.parametrize(
    ("limit", "steps", "expected"),
    [
        (LOAD, [(0, 70), (1, 70.1), (2, 80), (3, 70)], [NO, OPEN, NO, CLOSE]),
        (LOAD, [(0, 70), (1, 69.9), (2, 70)], [NO, NO, NO]),
        (FROST, [(0, 3.9), (599, 3.9), (600, 3.9)], [NO, NO, OPEN]),
        (FROST, [(0, 3.9), (599, WAIT), (600, WAIT), (601, WAIT)], [NO, NO, OPEN, NO]),
        (FROST, [(0, 3.9), (500, 4.0), (501, 3.9), (1100, 3.9), (1101, 3)], [NO, NO, NO, NO, OPEN]),
        (FROST, [(0, 3), (600, 3), (700, 4.2), (800, 4.4), (900, 4.5)], [NO, OPEN, NO, NO, CLOSE]),
        (FROST, [(0, 3), (600, 3), (700, 4.5), (800, 3)], [NO, OPEN, CLOSE, NO]),  # and counts anew
        (FROST, [(0, 3), (300, GONE), (600, WAIT), (700, 3)], [NO, NO, NO, OPEN]),  # nan: neither nor
        (FROST, [(0, 3), (600, 3), (700, GONE), (90_000, WAIT)], [NO, OPEN, NO, NO]),  # it stays open
        (FROST, [(0, 3), (300, GONE), (600, 5), (700, WAIT)], [NO, NO, NO, NO]),
        (LOAD, [(0, GONE), (1, 71), (2, GONE), (3, 70)], [NO, OPEN, NO, CLOSE]),
        (LOAD, [(n, 70 + n % 2) for n in range(4)], [NO, OPEN, CLOSE, OPEN]),  # at the limit, no hysteresis
        (ValueLimit(70, True, 0, 1), [(n, 70 + n % 2) for n in range(4)], [NO, OPEN, NO, NO]),
        (ValueLimit(0.5, True, 60), [(0, 1), (30, 0), (40, 1), (99, 1), (100, 1)], [NO, NO, NO, NO, OPEN]),
        (ValueLimit(-18, True, 0, 3), [(0, -17.9), (9, -20), (10, -21)], [OPEN, NO, CLOSE]),
    ],
)
def test_values_by_time(limit, steps, expected):
    assert play(LimitWatch(limit), *steps) == expected


POLLED = {"holds_s": 15, "gap_s": 30}  # polled every 10 s


@pytest.mark.parametrize(
    ("for_s", "steps", "expected"),
    [
        (25, [(0, 80), (10, 80), (20, 80), (25, WAIT)], [NO, NO, NO, OPEN]),
        (25, [(0, 80), (10, 80), (24, 60), (26, WAIT)], [NO, NO, NO, NO]),
        (26, [(0, 80), (10, 80), (26, WAIT), (39, WAIT)], [NO, NO, NO, NO]),  # the polls ended
        (25, [(0, 80), (10, 80), (40, 80)], [NO, NO, OPEN]),  # two polls failed: not a gap
        (25, [(0, 80), (10, 80), (41, 80), (50, 80), (66, 80)], [NO, NO, NO, NO, OPEN]),  # a gap: anew
        (25, [(0, 80), (10, GONE), (25, WAIT), (29, 80)], [NO, NO, NO, OPEN]),
        (0, [(0, 80), (500, 80), (501, 60)], [OPEN, NO, CLOSE]),  # a gap ends nothing that is open
    ],
)
def test_figures_of_polls_hold_until_the_next_poll_is_late(for_s, steps, expected):
    assert play(LimitWatch(ValueLimit(70, True, for_s)), *steps, **POLLED) == expected


def test_a_step_of_the_wall_clock_neither_opens_nor_delays():
    watch = LimitWatch(FROST)
    assert play(watch, (0, 3.0)) == [NO]
    assert play(watch, (10, 3.0), wall=9_000_000.0) == [NO]
    assert play(watch, (599, 3.0), (600, 3.0), wall=-9_000_000.0) == [NO, OPEN]
    assert watch.excursion.started == 1_000_000.0


def test_the_extreme_is_the_worst_since_it_began():
    watch = LimitWatch(FROST)
    play(watch, (0, 3.0), (300, 1.5), (600, 2.0), (700, 4.2))
    assert (watch.excursion.value, watch.excursion.extreme) == (4.2, 1.5)


def test_an_event_of_an_earlier_run_goes_on_and_its_extreme_with_it():
    watch = LimitWatch(FROST)
    watch.resume(500.0, 3.5, 1.0)
    assert play(watch, (0, WAIT), (9, 4.4), (10, 2.0), (20, 4.5)) == [NO, NO, NO, CLOSE]


def test_the_last_value_of_an_earlier_run_counts_from_when_it_is_observed():
    watch = LimitWatch(FROST)
    watch.begin_with(3.0, 500.0)
    assert play(watch, (7000, WAIT), (7599, WAIT), (7600, WAIT)) == [NO, NO, OPEN]
    assert (watch.excursion.started, watch.excursion.complete) == (500.0, False)
    other = LimitWatch(FROST)
    other.begin_with(5.0, 500.0)
    assert play(other, (9999, WAIT)) == [NO]
