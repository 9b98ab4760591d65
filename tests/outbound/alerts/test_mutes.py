"""Mutes: what they cover, when they end, and what a wrong clock does to them."""

from contextlib import closing

import pytest

from ingest.clock.belief import DAY_S, confirm_clock
from ingest.db.connection import connect
from ingest.severity import Severity
from outbound.alerts.model import AlertEvent
from outbound.alerts.mutes import MuteScope, active_mutes, add_mute, end_mute, find_mute
from tests.helpers.new_database import new_database
from tests.helpers.played_clock import PlayedClock

RACK = AlertEvent(7, "ONBATT", Severity.WARNING, "UPS", "rack@closet", "Rack", 0.0)
NODE = AlertEvent(8, "NODE_SILENT", Severity.WARNING, "node", "main/4", "Greenhouse", 0.0)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "house.db"
    new_database(path)
    with closing(connect(path)) as connection:
        yield connection


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (MuteScope(ups="rack@closet"), [RACK]),
        (MuteScope(ups="main/4"), []),
        (MuteScope(ups="rack"), []),
        (MuteScope(node="main/4"), [NODE]),
        (MuteScope(rule="night"), [RACK, NODE]),
        (MuteScope(rule="day"), []),
        (MuteScope(everything=True), [RACK, NODE]),
    ],
    ids=str,
)
def test_a_mute_covers_what_it_names(database, scope, covered):
    add_mute(database, scope, "owner", for_s=60)
    mutes = active_mutes(database)
    assert [one for one in (RACK, NODE) if find_mute(mutes, one, "night")] == covered


def test_one_for_a_time_ends_by_the_clock_that_is_believed(database):
    clock = PlayedClock()
    confirm_clock(database, "owner", clock)
    add_mute(database, MuteScope(everything=True), "owner", for_s=600, clock=clock)
    clock.advance(599)
    assert len(active_mutes(database, clock)) == 1
    clock.set_by(30 * DAY_S)  # suspect: the time since the boot tells how far it is off
    assert len(active_mutes(database, clock)) == 1
    clock.set_by(-31 * DAY_S)
    clock.advance(2)
    assert active_mutes(database, clock) == []


def test_one_outlives_a_boot_into_another_century_for_its_time_alone(database):
    clock = PlayedClock()
    confirm_clock(database, "owner", clock)
    add_mute(database, MuteScope(everything=True), "owner", for_s=600, clock=clock)
    for wall in (0.0, 4e9):
        clock.reboot(wall)
        assert len(active_mutes(database, clock)) == 1
        clock.advance(600)
        assert active_mutes(database, clock) == []


def test_one_until_an_event_ends_ends_with_it_and_one_without_an_end_by_hand(database):
    database.execute("insert into events (id, event, started_at) values (7, 'DISK_LOW', '2026-01-01')")
    until_end = add_mute(database, MuteScope(everything=True), "owner", event=7, reason="known")
    by_hand = add_mute(database, MuteScope(rule="2"), "owner")
    assert [(one.id, one.event, one.reason, one.muted_by) for one in active_mutes(database)] == [
        (until_end, 7, "known", "owner"),
        (by_hand, None, "", "owner"),
    ]
    database.execute("update events set ended_at = '2026-01-02' where id = 7")
    assert [one.id for one in active_mutes(database)] == [by_hand]
    assert end_mute(database, by_hand, "guest") and active_mutes(database) == []
    assert not end_mute(database, by_hand, "guest") and not end_mute(database, 99, "guest")
