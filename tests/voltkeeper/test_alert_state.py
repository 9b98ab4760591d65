"""What `status`, `check` and `attention` say of alerts: targets that fail, what waits, mutes."""

from contextlib import closing

import pytest

from ingest.config.alerts import Alerts, AlertTarget
from ingest.config.model import Config
from ingest.db.connection import connect
from outbound.alerts.failing import close_failing, failing_event, open_failing
from outbound.alerts.mutes import MuteScope, add_mute
from tests.helpers.new_database import new_database
from voltkeeper.alert_state import alert_failures, alert_lines, alert_notes

TARGETS = (AlertTarget("phone", url="json://nas.lan/secret"), AlertTarget("mail", url="json://nas.lan:8080/"))
ROW = """insert into deliveries
(target, state, sent_at, reason, attempts, created_at, kind, severity, title, text)
values (?, ?, ?, ?, 1, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-300 seconds'), 'begin', 'Warning', 't', 'x')"""
AGO = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def house(tmp_path):
    """(config, connection) with two targets."""
    config = Config(database=tmp_path / "house.db", timezone="UTC", alerts=Alerts(TARGETS))
    new_database(config.database)
    with closing(connect(config.database)) as connection:
        yield config, connection


def test_without_alerts_nothing_is_said(tmp_path):
    config = Config(database=tmp_path / "none.db", timezone="UTC")
    assert [*alert_lines(config), *alert_notes(config), *alert_failures(config)] == []


def test_targets_and_mutes_are_listed_without_secrets(house):
    config, connection = house
    connection.execute(ROW, ("phone", "failed", None, "HTTP 500"))
    connection.execute(ROW, ("phone", "sent", AGO, "HTTP 200 OK"))
    connection.execute(ROW, ("mail", "queued", None, "Connection refused"))
    add_mute(connection, MuteScope(ups="rack@closet"), "owner", event=7)
    lines = alert_lines(config)
    assert lines[0].startswith("alerts   are not sent: `voltkeeper outbound` does not run")
    assert lines[1].startswith("target   phone (json://nas.lan): failed 5 min ")
    assert "ago: HTTP 500" in lines[1]
    assert lines[2].endswith("ago: Connection refused; 1 message waiting") and len(lines) == 3
    assert "secret" not in "".join(lines)
    add_mute(connection, MuteScope(everything=True), "owner", for_s=3600)
    assert any(line.startswith("muted    everything until ") for line in alert_lines(config))
    assert [one.partition(" until ")[0] for one in list(alert_notes(config))[1:]] == ["muted: everything"]


def test_a_failing_target_is_a_failure_of_check_and_stands_in_attention(house):
    config, connection = house
    open_failing(connection, "mail", "HTTP 503", 1_796_036_400.0)
    (line,) = alert_failures(config)
    assert line.startswith("target mail fails for ") and line.endswith(": HTTP 503")
    query = "select severity, subject, text, since, href from attention"
    assert connection.execute(query).fetchall() == [
        ("Warning", "Alerts to mail", "cannot be reached: HTTP 503", "2026-11-30T11:00:00.000Z", "/-/alerts")
    ]
    close_failing(connection, "mail", 1_796_036_500.0)
    assert list(alert_failures(config)) == [] and connection.execute(query).fetchall() == []


def test_attention_and_events_show_no_address_that_a_mail_server_repeats(house):
    _, connection = house
    answer = "mx.lan: 550 5.1.1 <owner@example.org>: no such user owner@example.org"
    open_failing(connection, "mail", answer, 1_796_036_400.0)
    shown = [*connection.execute("select text from attention union all select detail || figures from events")]
    memory = failing_event("mail", answer, 1_796_036_400.0, None)
    assert len(shown) == 2 and "550 5.1.1 <(address)>: no such user (address)" in shown[0][0]
    assert "@" not in repr((shown, memory))
