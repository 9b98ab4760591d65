"""Local days, hours and weekdays of stored times are those of the calendar, in zones of every kind."""

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.db.time import format_utc
from reporting.periods import local_day, local_hour, local_weekday

FIRST, LAST = 1.26e9, 1.9e9  # 2009 to 2030
CHANGES = (  # a clock is moved by an hour, by half an hour; a day is left out; none is moved in these
    ("Europe/Rome", "2026-03-29T01:00:00.000Z"),
    ("Europe/Rome", "2026-10-25T01:00:00.000Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00.000Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00.000Z"),
    ("Asia/Kathmandu", "2026-01-01T18:15:00.000Z"),
    ("America/St_Johns", "2026-11-01T04:30:00.000Z"),
    ("UTC", "2026-01-01T00:00:00.000Z"),
)


def calendar(text, zone):
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return local.date().isoformat(), f"{local.hour:02d}", local.strftime("%a").lower()


def found(text, zone):
    return local_day(text, zone), local_hour(text, zone), local_weekday(text, zone)


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_they_are_those_of_the_calendar(zone, change):
    rnd = random.Random(7)
    near = datetime.fromisoformat(change).timestamp()
    times = [near + 900 * number for number in range(-200, 200)]
    times += [near - 0.001, *(rnd.uniform(FIRST, LAST) for _ in range(500))]
    for at in times:
        text = format_utc(at)
        assert found(text, zone) == calendar(text, zone), text


def test_other_texts_are_read_by_the_calendar():
    for text in (
        "2026-11-20",
        "2026-11-20T23:59:59Z",
        "2026-11-20T23:30:00+02:00",
        "2026-07-01T12:00:00.000000Z",
    ):
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            text = at.replace(tzinfo=UTC).isoformat()
        assert found(text, "Europe/Rome") == calendar(text, "Europe/Rome"), text
    assert found(None, "Europe/Rome") == (None, None, None)
    with pytest.raises(ValueError, match=r"isoformat|month"):
        local_day("2026-13-01T00:00:00.000Z", "Europe/Rome")
