"""Gateways that send too much that is new, or nothing that can be read: bounded, counted, and named."""

import random
from contextlib import closing

import pytest

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.mysensors.dropped import DroppedSink, GatewayDropped
from ingest.mysensors.intake import Dropped, Intake, IntakeLimits
from ingest.mysensors.known_nodes import load_known_nodes
from ingest.mysensors.protocol import Header, Reject
from ingest.process.allowance import Allowance
from ingest.schema.migrate import migrate
from tests.ingest.mysensors.conftest import until

SMALL = IntakeLimits(channels=30, channels_a_minute=10, others=40, others_a_minute=20, rejects_at_once=5)


def values(first, number, command=1, echo=0):
    """Messages of so many different channels."""
    return [
        (Header(1 + n % 250, n // 250 % 250, command, echo, n // 62_500 % 40), "1")
        for n in range(first, first + number)
    ]


def test_what_is_known_passes_at_any_rate():
    intake = Intake(SMALL, [header for header, _ in values(0, 25)])
    for second in range(100):
        kept, dropped = intake.take_messages(values(0, 25) * 40, second)
        assert (len(kept), dropped) == (1000, None)
        assert intake.take_messages(values(0, 25, echo=1), second)[1] is None


def test_new_channels_come_in_at_a_bounded_rate_up_to_a_bound():
    intake = Intake(SMALL)
    kept, dropped = intake.take_messages(values(0, 100), 0)
    assert kept == values(0, 10)
    assert dropped.number == 90
    assert (
        dropped.reason == "more than 10 new channels came in a minute (the last of node 100, child 0, type 0)"
    )
    assert len(intake.take_messages(values(0, 100), 30)[0]) == 15
    assert len(intake.take_messages(values(0, 100), 3600)[0]) == 25
    kept, dropped = intake.take_messages(values(0, 100), 7200)
    assert len(kept) == 30 and "it has 30 channels already" in dropped.reason
    assert len(intake.take_messages(values(0, 100), 1e6)[0]) == 30


@pytest.mark.parametrize("command", [0, 2, 3, 4])
def test_other_kinds_of_messages_have_limits_of_their_own(command):
    intake = Intake(SMALL, [header for header, _ in values(0, 30)])
    kept, dropped = intake.take_messages(values(0, 1000, command), 0)
    assert len(kept) == 20 and "more than 20 new kinds of messages came in a minute" in dropped.reason
    assert len(intake.take_messages(values(0, 1000, command), 1e6)[0]) == 40


def test_a_network_that_starts_is_let_in_with_the_usual_limits():
    """250 nodes with ten children each present themselves within a minute after a power cut."""
    intake, new = Intake(IntakeLimits()), 0
    for second in range(60):
        presented = [
            (Header(node, child, 0, 0, 6), "")
            for node in range(second * 4 + 1, second * 4 + 5)
            for child in range(10)
        ]
        kept, dropped = intake.take_messages(presented, second)
        new += len(kept)
        assert dropped is None
    assert new == 2400


def test_what_users_delete_makes_room():
    intake = Intake(SMALL, [header for header, _ in values(0, 30)])
    assert intake.take_messages(values(30, 1), 0)[0] == []
    intake.forget(1, None)
    assert intake.take_messages(values(30, 1), 1)[0] == values(30, 1)
    intake.take_messages(values(0, 30), 1)
    intake.forget(2, 7)
    assert intake.take_messages(values(31, 1), 2)[0] == []


def test_unreadable_lines_are_kept_at_a_bounded_rate():
    intake, garbage = Intake(SMALL), [Reject("x", f"reason {n}") for n in range(100)]
    kept, dropped = intake.take_rejects(garbage, 0)
    assert (kept, dropped) == (garbage[:5], Dropped("rejects", 95, "reason 99"))
    assert len(intake.take_rejects(garbage, 60)[0]) == 5
    day = sum(len(intake.take_rejects(garbage, 120 + second)[0]) for second in range(0, 86_400, 60))
    assert day == pytest.approx(86_400 / 60 * 5, abs=6)


def test_an_allowance_never_grows_beyond_its_size():
    allowance = Allowance(3, 60)
    assert [allowance.take(0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(1e9) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(1e9 + 0.5), allowance.take(1e9 + 1)] == [False, True]


@pytest.fixture
def connection(tmp_path):
    migrate(tmp_path / "telemetry.db")
    with closing(connect(tmp_path / "telemetry.db")) as connection:
        connection.execute("insert into gateways (id, name, address, configured) values (0, 'main', 'x', 1)")
        yield connection


def test_what_is_stored_is_known_after_a_restart(connection):
    connection.executescript(
        "insert into nodes (id, gateway, node_id, name) values (12, 0, 12, '');"
        "insert into sensors (id, node, child_id, type, name) values (3073, 12, 1, 6, '');"
        "insert into channels (id, node, sensor, type, type_name, name) "
        "values (786432, 12, 3073, 0, 'V_TEMP', '')"
    )
    assert load_known_nodes(connection, 0).stored == {Header(12, 1, 0, 0, 6), Header(12, 1, 1, 0, 0)}


def test_counts_add_up_for_a_day_and_are_in_attention(connection):
    sink = DroppedSink()
    now = connection.execute("select unixepoch()").fetchone()[0]

    def drop(at, number, what="messages", reason="it has 10,000 channels already"):
        sink.absorb(GatewayDropped("main", at, Dropped(what, number, reason)))

    def save():
        with transaction(connection):
            assert sink.write(connection) == {"dropped"}
        sink.committed()

    drop(now - 3 * 86_400, 1000)
    save()
    assert connection.execute("select * from attention").fetchall() == []
    drop(now - 7200, 5)
    drop(now - 3600, 6)
    save()
    drop(now - 60, 7)
    drop(now - 50, 1, "rejects", "a line of 3 fields")
    save()
    rows = connection.execute("select severity, subject, text, since from attention order by text").fetchall()
    assert [row[:2] for row in rows] == [("Warning", "Gateway main")] * 2
    assert rows[0][2] == "1 unreadable line was counted and not kept, the last: a line of 3 fields"
    assert rows[1][2].startswith("18 messages were not kept: it has 10,000 channels already; is")
    assert rows[1][3] == format_utc(now - 7200)
    assert sink.write(connection) == set()


NOISE = {
    "zeros": b"\0" * 600,
    "a wrong baud rate": random.Random(1).randbytes(3000).replace(b"\n", b""),
    "text without an end": b"AT+CIPSTART" * 60,
    "short lines": b"\xff\xfe\n\x80\n" * 40,
    "a few bytes": b"\xff\xfe\x00",
    "lines of another kind": b"T=21.5;H=40\r\n" * 3,
}


def test_data_that_are_no_lines_are_named_as_that_and_bounded(site, tiny_gateway):
    tinies = {name: tiny_gateway(greeting=()) for name in NOISE}
    keys = [{"name": f"g{n}", "tcp": tiny.address} for n, tiny in enumerate(tinies.values())]

    site.set_gateway_times(idle_timeout_s=1.0, keepalive_s=0.5)
    for tiny in tinies.values():
        tiny.answers = False

    def play():
        for tiny in tinies.values():
            tiny.connected()
        for name, tiny in tinies.items():
            tiny.write(NOISE[name])
        text = "sends data that are no MySensors lines: is it a MySensors gateway?"
        sql = "select 1 where (select count(*) from ingest_status where state = 'silent' and detail = ?) = ?"
        site.wait(sql, text, len(tinies))
        tiny = next(iter(tinies.values()))
        tiny.say("", "12;255;0;0;17;2.4.0")
        site.wait("select 1 from ingest_status where source = 'g0' and state = 'connected'")

    site.live(site.config(*keys), play)


def test_a_flood_of_new_channels_and_garbage_is_counted_and_not_kept(site, tiny):
    site.set_gateway_times(limits=SMALL, idle_timeout_s=0.5, keepalive_s=0.2)

    def play():
        tiny.connected()
        tiny.answers = False
        lines = [f"{h.node};{h.child};{h.command:d};0;{h.type};1" for h, _ in values(0, 2000)]
        tiny.say("12;255;0;0;17;2.4.0", *lines, *["rubbish"] * 2000, "12;255;3;0;6;0")
        tiny.wait("12;255;3;0;6;M")  # what is asked after a flood is answered
        site.wait("select 1 where (select count(*) from dropped) = 2")
        until(
            lambda: (
                not tiny.say("rubbish")
                and "no MySensors lines" in "".join(site.column("select detail from ingest_status"))
            )
        )

    site.live(site.config({"tcp": tiny.address}), play)
    assert site.column("select count(*) from channels") == [10]
    assert site.column("select count(*) from messages where command = 1") == [10]
    assert site.rows("select what, count from dropped where what = 'messages'") == [("messages", 1990)]
    assert site.column("select count(*) from rejects") <= [7]
    [(received, rejected)] = site.rows("select received, rejected from ingest_status")
    assert received >= 2002 and rejected >= 2000
