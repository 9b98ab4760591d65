"""Settings of pages: which there are, what they may be, and where they are kept."""

import pytest

from ingest import settings
from ingest.db.connection import connect, transaction
from ingest.settings import (
    MAX_LABEL,
    SettingError,
    parse_setting,
    parse_subject,
    read_settings,
    save_setting,
)
from tests.helpers.new_database import new_database

FAMILY = "\U0001f469\u200d\U0001f467\u200d\U0001f466"  # one picture of five code points
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
PERSIAN = "می\u200cخواهم"  # needs its joiner


@pytest.mark.parametrize(
    ("table", "key", "value", "stored"),
    [
        ("nodes", "label", "  Tomato   bed ", "Tomato bed"),
        ("nodes", "label", "x" * MAX_LABEL, "x" * MAX_LABEL),
        ("sensors", "label", FAMILY, FAMILY),
        ("ups", "label", SCOTLAND, SCOTLAND),
        ("nodes", "label", PERSIAN, PERSIAN),
        ("nodes", "label", "גן", "גן"),
        ("nodes", "label", "", ""),
        ("nodes", "label", " \t ", ""),
        ("nodes", "silent_after_s", "60", "60"),
        ("nodes", "silent_after_s", "0007200", "7200"),
        ("nodes", "silent_after_s", "Never", "never"),
        ("nodes", "sleep", "SLEEPS", "sleeps"),
        ("nodes", "sleep", "auto", "auto"),
    ],
)
def test_a_setting_is_stored_as_one_text(table, key, value, stored):
    assert parse_setting(table, key, value) == stored


@pytest.mark.parametrize(
    ("table", "key", "value", "why"),
    [
        ("nodes", "label", "x" * (MAX_LABEL + 1), "label is 61 characters long: at most 60"),
        ("nodes", "label", "x" * 10_000, "label is 10000 characters long: at most 500"),
        ("nodes", "label", "two\nlines", "one line of text"),
        ("nodes", "label", "bell\a", "control character"),
        ("nodes", "label", "\u202egnp.exe", "control character"),
        ("nodes", "label", "half \ud800", "control character"),
        ("nodes", "label", "a\u2028x", "control character"),
        ("nodes", "label", "\u3164", "no character that can be seen"),
        ("sensors", "label", "\u200d\ufe0f", "no character that can be seen"),
        ("nodes", "silent_after_s", "59", "60 to 31622400, or never"),
        ("nodes", "silent_after_s", "-3600", "or never"),
        ("nodes", "silent_after_s", "1e4", "or never"),
        ("nodes", "silent_after_s", "٣٦٠٠", "or never"),
        ("nodes", "silent_after_s", "999999999999999999999", "or never"),
        ("nodes", "silent_after_s", "nevr", "or never"),
        ("nodes", "sleep", "sleep", "did you mean 'sleeps'?"),
        ("nodes", "lable", "x", "'lable' is not a setting, for nodes did you mean 'label'?"),
        ("ups", "sleep", "auto", "'sleep' is a setting of nodes, for ups known here: label"),
        ("nodes", "", "x", "is not a setting"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_remedy(table, key, value, why):
    with pytest.raises(SettingError) as caught:
        parse_setting(table, key, value)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("12", "it is TABLE/ID, such as nodes/12"),
        ("nodes/", "TABLE/ID"),
        ("nodes/-1", "TABLE/ID"),
        ("nodes/١٢", "TABLE/ID"),
        ("node/12", "no settings of 'node': did you mean 'nodes'?"),
        ("messages/1", "no settings of 'messages': known here: nodes, sensors, ups"),
    ],
)
def test_a_subject_is_a_row_of_a_table_that_has_settings(text, why):
    with pytest.raises(SettingError) as caught:
        parse_subject(text)
    assert why in str(caught.value)


def test_the_subject_of_a_row_whose_key_is_zero():
    assert parse_subject("nodes/0") == ("nodes", 0)


@pytest.fixture
def connection(tmp_path):
    new_database(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    yield connection
    connection.close()


def test_the_newest_value_stands_and_an_empty_one_takes_it_away(connection):
    with transaction(connection):
        save_setting(connection, "nodes/0", "label", "Attic", "owner")
        save_setting(connection, "nodes/0", "label", "Cellar", "bot")
        save_setting(connection, "ups/1", "label", "Rack", "owner")
    assert read_settings(connection) == {("nodes/0", "label"): "Cellar", ("ups/1", "label"): "Rack"}
    assert connection.execute("select set_by from settings where subject = 'nodes/0'").fetchall() == [
        ("bot",)
    ]
    with transaction(connection):
        save_setting(connection, "nodes/0", "label", "", "owner")
    assert read_settings(connection) == {("ups/1", "label"): "Rack"}


def test_the_number_of_settings_is_limited(connection, monkeypatch):
    monkeypatch.setattr(settings, "MAX_ROWS", 2)
    for node in (1, 2):
        save_setting(connection, f"nodes/{node}", "label", "x", "owner")
    save_setting(connection, "nodes/2", "label", "y", "owner")
    with pytest.raises(SettingError, match="2 settings already"), transaction(connection):
        save_setting(connection, "nodes/3", "label", "x", "owner")
    assert len(read_settings(connection)) == 2


def test_settings_go_with_the_row_that_they_are_of(connection):
    connection.execute("insert into gateways (id, name, address) values (0, 'main', 'x')")
    connection.execute("insert into nodes (id, name, gateway, node_id) values (1, '', 0, 1), (11, '', 0, 11)")
    connection.execute("insert into sensors (id, name, node, child_id) values (257, '', 1, 1)")
    connection.execute(
        "insert into ups (id, name, driver, source, address, label) values (1, 'rack@a', 'nut', 'a', 'b', '')"
    )
    for subject in ("nodes/1", "nodes/11", "sensors/257", "ups/1"):
        save_setting(connection, subject, "label", "x", "owner")
    for table in ("sensors", "nodes", "ups"):
        connection.execute(f"delete from {table} where id in (1, 257)")
    assert list(read_settings(connection)) == [("nodes/11", "label")]
