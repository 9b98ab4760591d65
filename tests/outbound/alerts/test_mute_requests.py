"""What users ask to be muted: names are checked, and until=end finds the event that is going on."""

from contextlib import closing

import pytest

from ingest.config.alerts import AlertRule, Alerts, AlertTarget
from ingest.db.connection import connect
from ingest.ups.registry import insert
from outbound.alerts.mute_requests import MuteError, MuteFields, parse_mute
from outbound.alerts.mutes import MuteScope
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import fill

RULES = Alerts(
    (AlertTarget("phone", url="ntfy://x"),),
    (AlertRule(("ONBATT",), ("phone",), name="outages"), AlertRule(("NODE_SILENT",), ("phone",))),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("mutes") / "house.db"
    new_database(path)
    fill(path)
    with closing(connect(path)) as connection:
        for name in ("rack@closet", "hall"):
            insert(connection, name, "nut", "closet", f"x/{name}", name)
        node = connection.execute("select id from nodes where node_id = 7").fetchone()[0]
        connection.executemany(
            "insert into events (id, event, ups, node, started_at) values (?, ?, ?, ?, '2026-11-30')",
            [(101, "REPLBATT", 1, None), (102, "ONBATT", 1, None), (103, "NODE_SILENT", None, node)],
        )
        yield connection


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ups": "rack@closet", "for_s": "60"}, "UPS rack@closet is muted for 60 s"),
        ({"node": "main/7", "for_s": "1.5"}, "node main/7 is muted for 1.5 s"),
        ({"rule": "outages", "for_s": "60"}, "rule outages is muted for 60 s"),
        ({"rule": "2", "for_s": "60"}, "rule 2 is muted for 60 s"),
        ({"rule": "rule 2", "for_s": "60"}, "rule 2 is muted for 60 s"),
        ({"everything": True, "for_s": "60"}, "everything is muted for 60 s"),
        ({"ups": "rack@closet", "until": "end"}, "UPS rack@closet is muted until ONBATT of rack@closet ends"),
        ({"node": "main/7", "until": "end"}, "node main/7 is muted until NODE_SILENT of main/7 ends"),
        ({"rule": "outages", "until": "end"}, "rule outages is muted until ONBATT of rack@closet ends"),
        ({"everything": True, "until": "end"}, "everything is muted until NODE_SILENT of main/7 ends"),
    ],
)
def test_what_is_muted_until_when(database, given, expected):
    assert str(parse_mute(database, RULES, MuteFields(**given))) == expected


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({}, "", "Name what to mute: one of ups, node, rule, everything; none was given"),
        ({"ups": "rack@closet", "rule": "2", "for_s": "60"}, "rule", "not ups and rule"),
        ({"ups": "rack@clozet", "for_s": "60"}, "ups", "did you mean 'rack@closet'?"),
        ({"node": "main/77", "for_s": "60"}, "node", "did you mean 'main/7'?"),
        ({"rule": "3", "for_s": "60"}, "rule", "there is no such rule"),
        ({"everything": True}, "for_s", "Name its end"),
        ({"everything": True, "for_s": "60", "until": "end"}, "for_s", "Name its end"),
        ({"everything": True, "for_s": "0"}, "for_s", "from 1 to"),
        ({"everything": True, "for_s": "nan"}, "for_s", "from 1 to"),
        ({"everything": True, "until": "tomorrow"}, "until", "only `end` is known"),
        ({"ups": "hall", "until": "end"}, "until", "There is no open event of UPS hall"),
    ],
)
def test_what_cannot_be_muted(database, given, field, message):
    with pytest.raises(MuteError) as raised:
        parse_mute(database, RULES, MuteFields(**given))
    assert message in str(raised.value) and raised.value.field == field


def test_without_rules_there_are_the_defaults(database):
    alerts = Alerts((AlertTarget("phone", url="ntfy://x"),))
    asked = parse_mute(database, alerts, MuteFields(rule="defaults", for_s="60"))
    assert asked.scope == MuteScope(rule="defaults")
