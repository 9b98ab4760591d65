"""Names of columns as words with units."""

import pytest

from reporting.column_titles import DURATION, TIME, column_title, is_duration


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("last_seen_at", ("Last seen", "", TIME)),
        ("at", ("Time", "", TIME)),
        ("silent_s", ("Silent", "", DURATION)),
        ("battery_runtime_min", ("Battery runtime, lowest", "", DURATION)),
        ("battery_charge", ("Battery charge", "%", "")),
        ("input_voltage_avg", ("Input voltage, average", "V", "")),
        ("lowest_battery_voltage", ("Lowest battery voltage", "V", "")),
        ("from_voltage", ("From voltage", "", "")),
        ("ups_load_max", ("Load, highest", "%", "")),
        ("watts_95", ("Power, 95th percentile", "W", "")),
        ("boost_min", ("Boosted", "min", "")),
        ("kwh", ("Energy", "kWh", "")),
        ("smart_sleep_ms", ("Smart sleep", "ms", "")),
        ("nacks_today", ("NACKs today", "", "")),
        ("rack@closet", ("rack@closet", "", "")),
        ("count(*)", ("count(*)", "", "")),
    ],
)
def test_a_column_reads_as_words_with_its_unit(name, title):
    assert column_title(name) == title
    assert is_duration(name) == (title[2] == DURATION)
