"""Dates as UPSes write them, for people."""

from datetime import date

import pytest

from reporting.device_date import describe_device_date


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2001/09/25", "25 Sep 2001, 25 y 2 months"),
        ("11/11/26", "11 Nov 2026, 19 days"),
        ("2026-11-30", "30 Nov 2026, under a day"),
        ("2030/01/01", "1 Jan 2030, in the future"),
        ("not set", "“not set”"),
        ("2052/00/36", "“2052/00/36”"),
    ],
)
def test_a_date_has_its_age_and_what_is_none_stays_as_it_was_sent(text, words):
    assert describe_device_date(text, date(2026, 11, 30)) == words
