"""What the self-tests of one battery show side by side. Pure.

A self-test draws the load from the battery for some seconds. How far the voltage falls in it grows with the
resistance of the battery, which grows with age: the latest fall is compared with the first ones.
"""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from ingest.ups.records import EventFigures
from ingest.ups.self_test import test_verdict

FIRST_TESTS = 3


class TestsCompared(NamedTuple):
    """Self-tests with a result, how many of them failed, and by how many V they took the voltage down.

    A fall is None where the UPS shows no voltage; `latest_sag` is None for a single test, too.
    """

    tests: int
    failed: int
    first_sag: float | None = None
    latest_sag: float | None = None


def compare_tests(tests: Iterable[EventFigures]) -> TestsCompared:
    """Compare the figures of events TEST of one battery, in order of time."""
    ended = [figures for figures in tests if figures.get("result")]
    sags = [
        round(before - lowest, 3)
        for figures in ended
        if (before := figures.get("battery_voltage_before")) is not None
        and (lowest := figures.get("lowest_battery_voltage")) is not None
        and lowest <= before
    ]
    return TestsCompared(
        len(ended),
        sum(test_verdict(figures["result"]) == "failed" for figures in ended),
        median(sags[:FIRST_TESTS]) if sags else None,
        sags[-1] if len(sags) > 1 else None,
    )
