"""Rehearsals without sending: who gets which message, and what its text says of a real one."""

from contextlib import closing
from dataclasses import replace

import pytest

from ingest.clock.belief import confirm_clock
from ingest.config.alerts import AlertRule, Alerts, AlertTarget, QuietHours
from ingest.config.model import Config
from ingest.config.thresholds import ThresholdSettings
from ingest.db.connection import connect
from ingest.ups.registry import insert
from outbound.alerts import store
from outbound.alerts.mutes import MuteScope, add_mute
from outbound.alerts.outlook import read_outlook
from outbound.alerts.played_events import play_all, play_outage
from outbound.alerts.rehearsal import plan_rehearsal, queue_rehearsal
from tests.helpers.new_database import new_database
from tests.outbound.alerts.alert_events import NOON

TARGETS = (AlertTarget("phone", url="ntfy://x"), AlertTarget("mail", url="json://x"))
UTC_NOON = "2026-11-30T11:00:00.000Z"
QUIET = QuietHours("11:00", "13:00")


@pytest.fixture
def house(tmp_path):
    """(config, connection) with a UPS; at NOON it is noon in Berlin."""
    config = Config(database=tmp_path / "house.db", timezone="Europe/Berlin", alerts=Alerts(TARGETS))
    new_database(config.database)
    with closing(connect(config.database)) as connection:
        insert(connection, "rack@closet", "nut", "closet", "x/rack", "Rack")
        connection.execute("update ups set configured = 1")
        confirm_clock(connection, "owner")
        yield config, connection


def texts(config, connection, **alerts):
    """The second lines of the messages of an outage to `phone`: of its begin, of its end."""
    config = replace(config, alerts=replace(config.alerts, **alerts))
    rehearsal = plan_rehearsal(connection, config, play_outage(connection, "", NOON), NOON)
    return [one.message.text.splitlines()[1] for one in rehearsal.messages if one.target == "phone"]


def test_the_text_says_what_would_hold_a_real_one_back(house):
    _, connection = house
    rule = AlertRule(("ONBATT",), ("phone",), after_s=20)
    held = "be held until 13:00 by the quiet hours."
    assert texts(*house, rules=(rule,), quiet=QUIET) == [
        f"A real one would be sent when it has gone on for 20 s and {held}",
        f"A real one would {held}",
    ]
    digest = replace(rule, after_s=0.0, digest="18:30")
    assert texts(*house, rules=(digest,)) == ["A real one would be in the digest at 18:30."] * 2
    assert all(text.startswith("Rack") for text in texts(*house, rules=(replace(rule, after_s=0.0),)))
    add_mute(connection, MuteScope(ups="rack@closet"), "owner", for_s=3600)
    muted = "A real one would not be sent, since UPS rack@closet is muted."
    assert texts(*house, rules=(rule,), quiet=QUIET) == [muted, muted]


def test_all_plays_what_rules_name_and_a_storm_comes_as_a_digest(house):
    config, connection = house
    hot = ThresholdSettings("hot", figure="ups_load", ups="rack@closet", above=70)
    config = replace(config, thresholds=(hot,))
    played = play_all(connection, config, NOON)
    names = [one.event.event for one in played]
    assert {"ONBATT", "VALUE", "DISK_LOW", "TARGET_FAILING"} <= set(names) and names.count("ONBATT") == 2
    assert "NODE_SILENT" not in names and "CAL" not in names  # there is no node; it is routine
    assert next(one.event.detail for one in played if one.event.event == "VALUE") == "hot: Rack, above 70"
    rehearsal = plan_rehearsal(connection, config, played, NOON)
    assert [title for title, target in rehearsal.unsent] == ["phone: cannot be reached, HTTP 503"]
    stored = store.by_ids(connection, queue_rehearsal(connection, config, rehearsal, NOON))
    for target in ("phone", "mail"):
        own = [one for one in stored if one.target == target]
        sent = [one for one in own if one.digest is None]
        assert len(sent) == 10 and {one.digest for one in own} == {None, sent[-1].id}
        assert all("REHEARSAL" in one.title and one.event is None for one in own)
    named = replace(config, alerts=replace(config.alerts, rules=(AlertRule(("FSD",), ("mail",)),)))
    assert [one.event.event for one in play_all(connection, named, NOON)] == ["FSD", "TARGET_FAILING"]


def test_the_outlook_of_an_event_says_to_whom_it_goes_and_when(house):
    config, connection = house
    rules = (
        AlertRule(("ONBATT",), ("phone",), after_s=600),
        AlertRule(("ONBATT",), ("mail",), digest="18:30"),
    )
    config = replace(config, alerts=replace(config.alerts, rules=rules))
    connection.execute(
        "insert into events (id, event, ups, started_at) values (9, 'ONBATT', 1, ?)", (UTC_NOON,)
    )
    (alert,) = read_outlook(connection, config, NOON + 60)
    assert [(one.target, one.rule, one.text) for one in alert.recipients] == [
        ("phone", "rule 1", "in 9 min, if it goes on"),
        ("mail", "rule 2", "in the digest at 18:30"),
    ]
    add_mute(connection, MuteScope(rule="rule 1"), "owner")
    connection.execute(
        "insert into deliveries (event, target, kind, severity, state, title, text, rule) "
        "values (9, 'mail', 'begin', 'Warning', 'sent', 't', 'x', 'rule 2')"
    )
    (alert,) = read_outlook(connection, config, NOON + 60)
    assert [one.text for one in alert.recipients] == ["muted, as rule 1 is", "sent"]
