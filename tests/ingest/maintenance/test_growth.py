"""When the disk is full: by growth, less what a prune deletes; not known while there is little history."""

import pytest

from ingest.db.time import format_utc
from ingest.maintenance.growth import FAR_OFF, TOO_SHORT, assess_growth
from ingest.maintenance.table_sizes import TableSize
from voltkeeper.growth import describe_growth

NOW = 1_700_000_000.0
DISK = 10**9


def table(name, days, rows_a_day=1000.0, at=None):
    """A table of 10 bytes a row that has grown for that many days."""
    first = format_utc(NOW - days * 86_400)
    rows = round(days * rows_a_day) or 1
    return TableSize(name, rows, 10 * rows, False, at or first, format_utc(NOW), rows_a_day)


def test_a_disk_is_full_after_what_is_free_in_the_file_and_on_the_disk():
    found = assess_growth([table("events", 40)], {}, (DISK, 1_000_000, 0), NOW)
    assert found == (DISK, 1_000_000, pytest.approx(10_000), 100, "")
    assert assess_growth([table("events", 40)], {}, (DISK, 1_000_000, 500_000), NOW).days_until_full == 150
    assert describe_growth(found).endswith("full in 100 days at 10 kB a day, if nothing else fills it")


def test_a_table_that_is_pruned_stops():
    days = {"messages": 40}
    found = assess_growth([table("messages", 40)], days, (DISK, 1_000_000, 0), NOW)
    assert (found.bytes_a_day, found.days_until_full, found.reason) == (0, None, FAR_OFF)
    assert "full not within 10 years at 0 a day" in describe_growth(found)
    young = assess_growth([table("messages", 25)], days, (DISK, 100_000, 0), NOW)
    assert young.days_until_full == 10 and young.bytes_a_day == pytest.approx(5000)


def test_a_short_history_shows_nothing():
    for tables in ([], [table("events", 2.9)], [table("events", 2, at="2023-11-13")]):
        found = assess_growth(tables, {}, (DISK, 1_000_000, 0), NOW)
        assert (found.bytes_a_day, found.days_until_full, found.reason) == (None, None, TOO_SHORT)
    assert "is not known: rows of less than 3 days" in describe_growth(found)
    assert assess_growth([table("events", 3)], {}, (DISK, 1_000_000, 0), NOW).days_until_full == 100
