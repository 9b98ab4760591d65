"""Searching: words in any order, whatever case and accents; and nothing in a search is a pattern."""

import pytest

from ingest.db.connection import connect
from ingest.mysensors.replay import replay
from reporting.folding import fold
from reporting.search import (
    LONGEST,
    MOST_EVENTS,
    SearchEntry,
    SearchError,
    matching,
    parse_words,
    ranked,
    search,
)
from tests.helpers.new_database import new_database

LINES = (
    *("0;255;0;0;18;2.3.2", "12;255;0;0;17;2.3.2", "12;255;3;0;11;Gewächshaus", "12;255;3;0;12;1.4"),
    *(
        "12;1;0;0;6;Air",
        "12;1;1;0;0;20.9",
        "12;3;0;0;36;Display",
        "12;3;1;0;47;Türe 100% zu",
        "12;9;0;0;4;Dimmer",
    ),
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("search") / "house.db"
    new_database(path)
    replay(path, "main", "tcp main:5003", [(1.7e9 + n, line.encode()) for n, line in enumerate(LINES)], "UTC")
    connection = connect(path)
    connection.execute(
        "insert into ups (name, driver, source, label) values ('rack@closet', 'nut', 'closet', 'Rack')"
    )
    connection.execute(
        "insert into ups_variables (ups, variable, value, changed_at) values (1, 'battery.type', 'PbAc', 'x')"
    )
    for event, detail in (("ONBATT", ""), ("REPLBATT", "since the test"), ("DISK_LOW", "2 % free")):
        connection.execute(
            "insert into events (event, ups, started_at, detail) values (?, ?, '2026-11-01T10:00:00Z', ?)",
            (event, None if event == "DISK_LOW" else 1, detail),
        )
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gewachshaus", ["/nodes/main/12"]),
        ("AIR gewächs", ["/nodes/main/12/1/V_TEMP"]),
        ("temperature", ["/nodes/main/12/1/V_TEMP"]),
        ("dimmer", ["/nodes/main/12"]),  # a sensor that sent no value
        ("closet rack", ["/ups/rack@closet"]),
        ("pbac", ["/ups/rack@closet/battery.type"]),
        ("tested rack", []),
        ("test REPLBATT", ["/telemetry/events/2"]),
        ("outage", ["/outages/1"]),
        ("disk short", ["/telemetry/events/3"]),
        ("tcp", ["/nodes?gateway=main"]),
        ("100% ture", ["/nodes/main/12/3/V_TEXT"]),
        ("%", ["/telemetry/events/3", "/nodes/main/12/3/V_TEXT"]),
        ("V_temp", ["/nodes/main/12/1/V_TEMP"]),
        ("V%temp", []),
        ("*", []),
        ("' or 1=1 --", []),
        ("\0", []),
    ],
)
def test_what_is_found(connection, text, found):
    groups = search(connection, parse_words(text), 20)
    links = {one.href for group in groups for one in group.found}
    assert links.issuperset(found) and bool(links) == bool(found), links


def test_an_outage_is_found_with_its_length(connection):
    (group,) = search(connection, ["outage"], 20)
    assert [one.about for one in group.found] == ["outage, ongoing"]
    connection.execute("begin")
    connection.execute("update events set ended_at = '2026-11-01T10:01:36Z' where event = 'ONBATT'")
    (group,) = search(connection, ["outage"], 20)
    assert [one.about for one in group.found] == ["outage of 1 min 36 s"]
    connection.execute("rollback")


def test_words():
    assert parse_words('  "Front  DOOR" door') == ["front", "door"] and parse_words(' " ') == []
    assert fold("Straße ÉTÉ İ ﬁ") == "strasse ete i fi"
    for text in ("x" * (LONGEST + 1), " ".join("abcdefghijk")):
        with pytest.raises(SearchError, match="are taken"):
            parse_words(text)


def test_what_is_named_so_comes_first():
    entries = [
        SearchEntry("Rack", "in the cellar", "/1"),
        SearchEntry("Cellar door", "", "/2"),
        SearchEntry("Cellar", "", "/3"),
    ]
    assert [one.href for one in ranked(matching(entries, ["cellar"]), ["cellar"])] == ["/3", "/2", "/1"]


def test_the_newest_events_are_searched_and_a_search_ends_in_time(connection):
    connection.execute("begin")
    connection.execute(
        f"""insert into events (event, ups, started_at, detail)
        with recursive n (i) as (select 1 union all select i + 1 from n where i < {MOST_EVENTS})
        select 'VOLTAGE', 1, '2026-11-02T10:00:00.000Z', 'zwölf ' || i from n"""
    )
    (group,) = search(connection, ["zwolf", "777"], 20)
    assert [one.about for one in group.found] == [
        "zwölf 4777",
        "zwölf 3777",
        "zwölf 2777",
        "zwölf 1777",
        "zwölf 777",
    ]
    assert not search(connection, ["replbatt"], 20)  # older ones are not
    assert any(group.is_cut for group in search(connection, ["nothing"], 0))
    connection.execute("rollback")
