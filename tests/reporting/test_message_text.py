"""Messages, versions, ages and names as text."""

import pytest

from reporting.formatting import all_names, format_months
from reporting.message_text import describe_row, format_version


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("2.1", "2.1"),
        (None, ""),
        ("$Rev: 826 $", "revision 826"),
        ("$Revision: 1.4 $ 11:34", "revision 1.4 11:34"),
        ("v2 $LastChangedRevision: 826", "v2 revision 826"),
        ("$Rev$", "revision not filled in"),
    ],
)
def test_a_keyword_of_version_control_is_shown_as_its_value(version, shown):
    assert format_version(version) == shown


MESSAGE = {"command": "set", "type": "V_TEMP", "payload": "20.9", "child_id": 1, "echo": 0, "repeat": 0}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (MESSAGE, ("temperature", "20.9\u2009°C")),
        (MESSAGE | {"unit": "K"}, ("temperature", "20.9\u2009K")),
        (MESSAGE | {"unit": None}, ("temperature", "20.9")),
        (MESSAGE | {"command": 1, "command_name": "set", "type": 0, "type_name": "V_TEMP"},
         ("temperature", "20.9\u2009°C")),
        (MESSAGE | {"type": "V_STATUS", "payload": "1", "echo": 1},
         ("has received the order: switch", "on")),
        (MESSAGE | {"type": "V_FUTURE", "payload": "x"}, ("value", "x")),
        (MESSAGE | {"command": "internal", "type": "I_SKETCH_VERSION", "payload": "$Rev: 826 $"},
         ("runs version", "revision 826")),
        (MESSAGE | {"command": "internal", "type": "I_POST_SLEEP_NOTIFICATION", "payload": "900000"},
         ("has woken up after", "15 min")),
        (MESSAGE | {"command": "internal", "type": "I_PRE_SLEEP_NOTIFICATION", "payload": "500"},
         ("will sleep; it listens for", "500\u2009ms")),
    ],
)  # fmt: skip
def test_a_row_of_messages_reads_as_text(row, expected):
    assert describe_row(row)[:2] == expected


def test_a_value_of_an_imperial_gateway_has_its_unit():
    assert describe_row(MESSAGE, metric=False).value == "20.9\u2009°F"


@pytest.mark.parametrize(
    ("months", "age"),
    [
        (0.0, "under a day"),
        (0.03, "1 day"),
        (0.62, "19 days"),
        (1.97, "60 days"),
        (2.0, "2 months"),
        (12.1, "1 y"),
        (28.4, "2 y 4 months"),
    ],
)
def test_an_age_below_two_months_is_in_days(months, age):
    assert format_months(months) == age


@pytest.mark.parametrize(
    ("names", "count", "text"),
    [
        (["Rack", "Desk"], 4, "Rack, Desk"),
        (["Rack", "Desk", "Attic", "Garage"], 4, "all 4 UPSes"),
        (["Rack", "Desk"], 2, "both UPSes"),
        (["Rack"], 1, "Rack"),
        (["Rack", "Rack"], 2, "Rack"),
        ([], 0, ""),
    ],
)
def test_names_that_are_all_there_are_stand_as_a_count(names, count, text):
    assert all_names(names, count) == text
