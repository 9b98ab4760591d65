"""The date that a device gives its battery: what is believed of it."""

from datetime import date

import pytest

from ingest.ups.battery_date import battery_date, parse_date

TODAY = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019/05/16", "2019-05-16"),
        ("2024-10-07", "2024-10-07"),
        ("02/22/19", "2019-02-22"),
        ("05/7/18", "2018-05-07"),
        ("11/30/2005", "2005-11-30"),
        ("11172014", "2014-11-17"),
        ("20240601", "2024-06-01"),
        ("20121999", None),
        ("12OCT04", "2004-10-12"),
        (" 2019/05/16 ", "2019-05-16"),
        ("07/01/99", "1999-07-01"),
        ("22/02/19", None),
        ("2065/165/165", None),
        ("4158/00/03", None),
        ("2001/00/00", None),
        ("2052/00/36", None),
        ("2624/00/02       #<- Huh ?", None),
        ("not set", None),
        ("CPS", None),
        ("00/00/00", None),
        ("1980/01/01", None),
        ("2MR1", None),
        ("", None),
    ],
)
def test_dates_as_devices_write_them(text, expected):
    found = parse_date(text)
    assert (found and found.isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "others", "expected"),
    [
        ("2019/05/16", {}, True),
        ("2001/09/25", {}, True),  # alone there is nothing against it
        ("2001/09/25", {"battery.mfr.date": "2011/03/03"}, False),  # the date of the factory
        ("2001/09/25", {"ups.mfr.date": "02/17/12"}, False),
        ("2011/01/10", {"ups.mfr.date": "2011/02/20"}, True),  # made before the device
        ("2011/02/20", {"ups.mfr.date": "2011/02/20"}, True),
        ("2010/12/20", {"ups.mfr.date": "2011/02/20"}, False),
        ("2019/05/16", {"battery.mfr.date": "2065/01/01"}, True),  # no date to compare with
        ("2019/05/16", {"battery.mfr.date": "CPS", "ups.mfr.date": "12OCT04"}, True),
        ("2026/11/30", {}, True),  # ahead of us by a time zone
        ("2026/12/24", {}, False),
        ("2035/00/35", {}, False),
        ("not set", {"battery.mfr.date": "2011/03/03"}, False),
        ("", {"battery.date.maintenance": "2024-10-07"}, False),
    ],
)
def test_which_dates_are_believed(text, others, expected):
    assert bool(battery_date({"battery.date": text, **others}, TODAY)) is expected
