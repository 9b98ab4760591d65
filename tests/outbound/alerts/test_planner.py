"""From changes of events to deliveries: when, to whom, once."""

from dataclasses import replace

import pytest

from ingest.config.alerts import AlertRule, Alerts, QuietHours
from ingest.db.time import format_utc, parse_utc
from outbound.alerts import planner
from outbound.alerts.messages import AlertSite
from outbound.alerts.model import DeliveryState
from outbound.alerts.planner import AlertPlanner
from tests.outbound.alerts.planned_site import MAIL, NOON, PHONE, PlannedSite

AFTER_20 = Alerts((PHONE,), (AlertRule(("ONBATT", "HOT"), ("phone",), after_s=20.0),))
LATE = [("begin", "late"), ("end", "late")]


@pytest.fixture
def played(tmp_path):
    """A function that returns a PlannedSite; it ends with the test."""
    sites = []

    def make(alerts=None, **options):
        sites.append(PlannedSite(tmp_path / f"{len(sites)}.db", alerts, **options))
        return sites[-1]

    yield make
    for site in sites:
        site.connection.close()


def test_begin_and_end_come_once_each(played):
    site = played()
    event = site.begin()
    site.wait(5)
    site.end(event)
    site.wait(5)
    site.restart()
    site.wait(5)
    assert site.rows("event", "target", "kind", "number", "state") == [
        (event, "phone", "begin", 0, "queued"),
        (event, "phone", "end", 0, "queued"),
    ]
    assert site.pending() == []


@pytest.mark.parametrize(("lasts_s", "kinds"), [(19, []), (21, ["begin", "end"])])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_ends_before_after_s_is_not_sent(played, lasts_s, kinds, restarts):
    site = played(AFTER_20)
    event = site.begin(event="HOT")
    site.wait(10)
    if restarts:
        site.pass_by(lasts_s - 10)
        site.end(event)
        site.pass_by(30)
        site.restart()
    else:
        site.wait(lasts_s - 10)
        site.end(event)
    site.wait(2)
    assert site.rows("kind") == kinds
    assert site.pending() == []


def test_after_s_goes_on_over_a_restart(played):
    site = played(AFTER_20)
    site.begin(event="HOT")
    site.wait(10)
    site.restart()
    site.wait(9)
    assert site.rows("kind") == []
    site.wait(1.5)
    assert site.rows("kind") == ["begin"]


@pytest.mark.parametrize("step_s", [-7200.0, 7200.0])
def test_a_step_of_the_clock_changes_no_duration(played, step_s):
    site = played(AFTER_20)
    short, long = site.begin(event="HOT"), site.begin(2, "HOT")
    site.wait(10)
    site.wall += step_s
    site.end(short)
    site.wait(9)
    assert site.rows("event") == []
    site.wait(1.5)
    site.end(long)
    site.wait(1)
    assert site.rows("event", "kind") == [(long, "begin"), (long, "end")]


@pytest.mark.parametrize(
    ("ago_s", "is_open", "kinds"),
    [(5, True, ["begin"]), (1200, True, []), (5, False, [])],
    ids=["just now", "long ago", "over"],
)
def test_at_the_first_start_only_what_began_just_now_is_sent(played, ago_s, is_open, kinds):
    site = played(started=False)
    event = site.begin()
    site.pass_by(ago_s)
    if not is_open:
        site.end(event)
    site.restart()
    site.wait(1)
    assert site.rows("kind") == kinds


def test_an_outage_that_was_recorded_while_alerts_were_off_is_told_with_its_times(played):
    site = played(AFTER_20)
    site.pass_by(3600)
    event = site.begin()
    site.pass_by(10)
    too_short = site.begin(2)
    site.pass_by(10)
    site.end(too_short)
    site.pass_by(580)
    site.end(event)
    site.pass_by(86_400 * 20)
    site.restart()
    site.wait(1)
    assert site.rows("kind", "held_why") == LATE
    assert set(site.rows("event")) == {event}


@pytest.mark.parametrize("id", [None, -3])
def test_an_event_of_the_past_that_is_stored_now_is_not_sent(played, id):
    site = played()
    past = site.wall - 86_400 * (3 if id is None else 0)
    site.begin(id=id, started_at=past - 600, ended_at=past)
    site.wait(1)
    assert site.rows("kind") == []


def test_a_recent_event_of_an_import_is_not_sent(played):
    site = played()
    site.connection.execute("insert into changes values ('imports', 1, '')")
    site.begin(started_at=site.wall - 7200, ended_at=site.wall - 3600)
    site.wait(1)
    assert site.rows("kind") == []
    site.begin(2, started_at=site.wall - 7200, ended_at=site.wall - 3600)  # ingest could not write it
    site.wait(1)
    assert site.rows("kind") == ["begin", "end"]


def test_an_event_that_was_deleted_is_not_sent(played):
    site = played(AFTER_20)
    event = site.begin()
    site.wait(5)
    site.connection.execute("delete from events where id = ?", (event,))
    site.wait(30)
    assert site.rows("kind") == []
    assert site.pending() == []


@pytest.mark.parametrize("is_sent", [True, False])
def test_an_event_that_goes_on_after_its_end(played, is_sent):
    site = played()
    event = site.begin(event="COMMBAD")
    site.wait(1)
    site.sent()
    site.end(event)
    site.wait(1)
    if is_sent:
        site.sent()
    site.connection.execute("update events set ended_at = null where id = ?", (event,))
    site.wait(1)
    site.end(event)
    site.wait(1)
    again = [("begin", 1, "queued")] if is_sent else []
    first_end = ("end", 0, "sent" if is_sent else "expired")
    expected = [("begin", 0, "sent"), first_end, *again, ("end", 1, "queued")]
    assert site.rows("kind", "number", "state") == expected


def test_a_begin_that_is_muted_has_an_end_that_is(played):
    site = played()
    site.connection.execute("insert into mutes (ups) values ('u1@closet')")
    event, other = site.begin(), site.begin(2, "HOT")
    site.wait(3)
    site.connection.execute("update mutes set ended_at = '2020-01-01T00:00:00.000Z'")
    site.end(event)
    site.wait(2)
    assert site.rows("event", "kind", "state") == [
        (event, "begin", "muted"),
        (other, "begin", "queued"),
        (event, "end", "muted"),
    ]


def test_a_critical_event_that_outlasts_its_mute_is_told(played):
    site = played(Alerts((PHONE,), repeat_s=60.0))
    site.connection.execute("insert into mutes (everything) values (1)")
    event = site.begin(1, "LOWBATT")
    site.wait(100)
    site.connection.execute("update mutes set ended_at = '2020-01-01T00:00:00.000Z'")
    site.wait(10)
    site.end(event)
    site.wait(1)
    assert site.rows("kind", "state") == [("begin", "muted"), ("repeat", "queued"), ("end", "queued")]


def test_each_target_follows_its_own_rule(played):
    rules = (
        AlertRule(("ONBATT",), ("phone",), after_s=20.0),
        AlertRule(("ONBATT", "HOT"), ("phone", "mail"), name="slow", digest="18:00"),
    )
    site = played(Alerts((PHONE, MAIL), rules))
    site.begin()
    site.begin(1, "VOLTAGE")
    site.wait(2)
    assert site.rows("target", "rule", "held_why", "held_until") == [
        ("mail", "slow", "digest", format_utc(NOON + 6 * 3600))
    ]
    site.wait(20)
    assert site.rows("target", "rule", "held_why")[1:] == [("phone", "rule 1", "")]


def test_overlapping_outages_are_one_message(played):
    site = played(upses=3)
    first = site.begin(1)
    site.wait(0.5)
    second = site.begin(2)
    site.wait(2)
    site.sent()
    assert site.rows("event", "digest", "title") == [
        (first, None, "2 UPSes on battery: U1, U2"),
        (second, 1, "U2: on battery"),
    ]
    third = site.begin(3)
    site.wait(2)
    assert site.rows("title", where=f"event = {third}") == ["3 UPSes on battery: U1, U2, U3"]
    for event in (first, second, third):
        site.end(event)
    site.wait(2)
    titles = site.rows("title", where="kind = 'end' and digest is null")
    assert titles == ["Power is back: 3 UPSes, 4 s: U1, U2, U3"]


def test_what_comes_after_an_outage_is_sent_after_it(played):
    site = played()
    outage = site.begin(1)
    low = site.begin(1, "LOWBATT")
    site.wait(2, every=0.25)
    assert site.rows("event") == [outage, low]


def test_an_outage_after_another_is_sent_by_itself(played):
    site = played()
    for ups in (1, 2):
        event = site.begin(ups)
        site.wait(2)
        site.end(event)
        site.wait(2)
    assert site.rows("title", where="kind = 'begin'") == ["U1: on battery", "U2: on battery"]


def test_a_repeat_that_cannot_be_stored_is_sent_once(played):
    site, memory = played(Alerts((PHONE,), repeat_s=60.0)), []
    site.planner = AlertPlanner(site.alerts, AlertSite("http://site", "UTC"), lambda event: memory)
    site.planner.start(site.connection, site.now)
    site.begin(event="LOWBATT")
    site.wait(0)
    site.sent()
    numbers = []
    for _ in range(300):  # none of it reaches the database
        site.pass_by(1)
        plan = site.planner.step(site.connection, site.now, True)
        site.planner.stored(False)
        for group in plan.groups:
            numbers += [row.number for row in group]
            memory += [
                replace(row, id=-len(memory) - 1, state=DeliveryState.SENT, sent_at=site.wall)
                for row in group
            ]
    assert numbers == [1, 2, 3, 4, 5]


def test_a_critical_event_repeats_until_it_is_acknowledged(played):
    site = played(Alerts((PHONE,), repeat_s=60.0))
    site.begin(1, "OVER")
    site.begin(2, "HOT")  # a warning
    site.wait(1)
    site.sent()
    for repeat in (1, 2):
        site.wait(50)
        assert len(site.rows("id", where="kind = 'repeat'")) == repeat - 1
        site.wait(20)
        assert site.rows("number", where="kind = 'repeat'")[-1] == repeat
        site.sent()
        site.restart()
    site.connection.execute(
        "insert into acknowledgements (subject, event, text) select name, event, text from ups_conditions"
        " where event = 'OVER'"
    )
    site.wait(200)
    assert len(site.rows("id", where="kind = 'repeat'")) == 2


@pytest.mark.parametrize("is_suspect", [False, True])
def test_quiet_hours_hold_what_is_not_critical(played, monkeypatch, is_suspect):
    quiet = QuietHours("11:00", "14:00", "critical")
    site = played(Alerts((PHONE,), quiet=quiet))
    monkeypatch.setattr(planner, "clock_is_believed", lambda connection: not is_suspect)
    site.begin(1, "HOT")
    site.begin(1, "LOWBATT")
    site.wait(1)
    until = None if is_suspect else NOON + 2 * 3600
    held = [None if text is None else parse_utc(text) for text in site.rows("held_until")]
    assert held == [until, None]


def test_a_failing_target_is_told_to_the_others_whatever_the_rules(played):
    site = played(Alerts((PHONE, MAIL), (AlertRule(("ONBATT",), ("phone",)),)))
    site.connection.execute(
        "insert into events (event, started_at, figures) "
        f"values ('TARGET_FAILING', '{format_utc(site.wall)}', json_object('target', 'phone'))"
    )
    site.wait(1)
    assert site.rows("target", "rule") == [("mail", planner.FAILING_RULE)]


def test_a_database_of_before_begins_anew(played):
    site = played()
    site.begin()
    site.wait(2)
    site.connection.execute("delete from event_changes")
    site.connection.execute("update sqlite_sequence set seq = 0 where name = 'event_changes'")
    site.restart()
    site.begin(2)
    site.wait(2)
    assert len(site.rows("id")) == 2


def test_an_event_that_no_message_can_be_made_of_keeps_no_other_back(played):
    site = played()
    site.connection.execute("insert into events (event, ups, started_at) values ('HOT', 1, 'yesterday')")
    odd = site.begin(1, "CHARGE_LOW")
    site.connection.execute(
        """update events set figures = '{"value": {}, "limit": []}' where id = ?""", (odd,)
    )
    site.begin(2, "HOT")
    site.wait(1)
    assert site.rows("event") == [odd, odd + 1]


def test_after_a_pause_messages_come_in_the_order_in_which_things_happened(played):
    site = played()
    first = site.begin(1)
    site.pass_by(3)
    second = site.begin(2)
    site.pass_by(3)
    site.end(first)
    site.pass_by(3)
    third = site.begin(1)
    site.pass_by(3)
    site.end(second)
    site.end(third)
    site.restart()
    site.wait(1)
    assert site.rows("event", "kind") == [
        (first, "begin"),
        (second, "begin"),
        (first, "end"),
        (third, "begin"),
        (second, "end"),
        (third, "end"),
    ]
