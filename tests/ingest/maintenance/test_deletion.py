"""What people delete is gone with all that refers to it, and comes back cleanly when it speaks again."""

import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from ingest.config.retention import Retention
from ingest.db.batches import BatchLimits, BatchRunner
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.maintenance.deletion import delete, next_deletion
from ingest.maintenance.jobs import run_due
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.store import Store

NODE, OTHER = 1, 2
KEEP_ALL = Retention(None, None, None, None, None)


def request(house, kind, key=None, before_at=None, everything=0):
    connection = connect(house.database)
    connection.execute(
        "insert into deletions (kind, key, before_at, everything, subject, requested_by) "
        "values (?, ?, ?, ?, 'it', 'owner')",
        (kind, key, before_at, everything),
    )
    connection.close()


def ask_for(house, *columns, **more):
    request(house, *columns, **more)
    run_due(replace(house, retention=KEEP_ALL))


def whole(ask):
    return ask("pragma integrity_check") == [("ok",)] and ask("pragma foreign_key_check") == []


def rows_of(ask, node):
    return {
        table: ask(f"select count(*) from {table} where {column} = ?", node)[0][0]
        for table, column in (
            ("messages", "node"),
            ("sensors", "node"),
            ("channels", "node"),
            ("node_daily", "node"),
            ("oddities", "node"),
            ("battery_changes", "node"),
            ("outbox", "node"),
            ("nodes", "id"),
        )
    } | {
        "readings": ask("select count(*) from readings where channel / 65536 = ?", node)[0][0],
        "readings_hourly": ask("select count(*) from readings_hourly where channel / 65536 = ?", node)[0][0],
    }


def test_a_node_goes_with_everything_that_refers_to_it(house, ask):
    ask("insert into battery_changes (node, changed_at) values (?, '2026-01-01T00:00:00.000Z')", NODE)
    ask("insert into outbox (node, line) values (?, '1;1;1;1;2;1')", NODE)
    ask(
        "insert into events (event, node, started_at) values ('NODE_SILENT', ?, '2026-01-01T00:00:00.000Z')",
        NODE,
    )
    assert all(rows_of(ask, NODE).values())
    other = rows_of(ask, OTHER)
    ask_for(house, "node", NODE)
    assert not any(rows_of(ask, NODE).values()) and rows_of(ask, OTHER) == other
    assert ask("select count(*) from events where node = ?", NODE) == [(0,)] and whole(ask)
    ((state, rows),) = ask("select state, rows from deletions")
    assert state == "done" and rows > 1000


def test_what_moved_in_goes_in_short_steps_too(house, ask, monkeypatch):
    """Its ids may stand below zero."""
    ask("pragma foreign_keys = off")
    ask("update oddities set message = null")
    ask("update messages set id = id - 100000")
    ask("update readings set id = id - 100000")
    changes, locked = [], BatchRunner.locked

    def counted(pace, write):
        before = pace.connection.total_changes
        locked(pace, write)
        changes.append(pace.connection.total_changes - before)

    monkeypatch.setattr(BatchRunner, "locked", counted)
    request(house, "node", NODE)
    with closing(connect(house.database)) as connection:
        deletion = next_deletion(connection)
    delete(house.database, deletion, "UTC", limits=BatchLimits(most=200))
    assert not any(rows_of(ask, NODE).values()) and whole(ask)
    assert sum(changes) > 2000 and changes[-1] < 100  # the last step takes what came meanwhile, and the node


def test_a_sensor_goes_and_its_siblings_stay(house, ask):
    before = rows_of(ask, NODE)
    ask_for(house, "sensor", 256 * NODE + 1)
    after = rows_of(ask, NODE)
    assert after["sensors"] == before["sensors"] - 1 and 0 < after["messages"] < before["messages"]
    assert ask("select count(*) from messages where node = ? and child_id = 1", NODE) == [(0,)]
    assert ask("select count(*) from readings where channel / 256 = ?", 256 * NODE + 1) == [(0,)] and whole(
        ask
    )


def test_requests_of_a_node_go_alone(house, ask):
    before = ask("select count(*) from messages where node = ? and command <> 2", NODE)
    requests = ask("select count(*) from messages where node = ? and command = 2", OTHER)
    ask_for(house, "requests", NODE)
    assert ask("select count(*) from messages where node = ? and command = 2", NODE) == [(0,)]
    assert ask("select count(*) from messages where node = ? and command <> 2", NODE) == before
    assert (
        ask("select count(*) from messages where node = ? and command = 2", OTHER) == requests
        and requests[0][0]
    )


@pytest.mark.parametrize("everything", [0, 1])
def test_what_is_older_than_a_date(house, ask, everything):
    cut = format_utc(time.time() - 7 * 86_400)
    hourly = ask("select count(*), min(hour_at) from readings_hourly")
    ask_for(house, "before", before_at=cut, everything=everything)
    for table, at in (("messages", "received_at"), ("readings", "received_at"), ("rejects", "received_at")):
        assert ask(f"select count(*) from {table} where {at} < ?", cut) == [(0,)]
        assert ask(f"select count(*) from {table}")[0][0] > 0
    if everything:
        assert ask("select min(hour_at) >= ?, count(*) > 0 from readings_hourly", cut) == [(1, 1)]
        assert ask("select min(day) >= ?, count(*) > 0 from node_daily", cut[:10]) == [(1, 1)]
    else:
        assert ask("select count(*), min(hour_at) from readings_hourly") == hourly
    assert whole(ask)


class Speaker:
    """A Store as the daemon holds it, fed with lines."""

    def __init__(self, house):
        self.told = []
        self.connection = connect(house.database)
        self.store = Store(self.connection, "UTC", lambda *what: self.told.append(what))

    def say(self, *lines):
        items, rejects = LineDecoder().decode_block("".join(line + "\n" for line in lines).encode())
        self.store.absorb(ReceivedBlock(0, "main", time.time(), time.monotonic(), 1, items, rejects))
        return self

    def commit(self):
        with transaction(self.connection):
            self.store.write(self.connection)
        self.store.committed()


def test_a_deleted_node_that_speaks_again_is_a_new_one(house, ask):
    speaker = Speaker(house)
    speaker.say("1;1;1;0;0;20").commit()
    ask_for(house, "node", NODE)
    speaker.commit()  # a commit without news of the node does not bring it back
    assert not any(rows_of(ask, NODE).values()) and speaker.told == [(0, NODE, None)]
    speaker.say("1;255;3;0;11;Fresh", "1;1;1;0;0;33").commit()
    assert ask("select sketch_name, first_seen_at = last_seen_at from nodes where id = ?", NODE) == [
        ("Fresh", 1)
    ]
    assert ask("select value, readings from channels where node = ?", NODE) == [(33.0, 1)]
    assert rows_of(ask, NODE)["messages"] == 2 and whole(ask)


def test_what_waits_for_the_disk_while_its_node_is_deleted_dangles_nowhere(house, ask):
    speaker = Speaker(house)
    speaker.say("1;1;1;0;0;41", "1;0;1;0;250;what", "2;1;1;0;0;7")
    ask_for(house, "node", NODE)
    speaker.commit()
    assert ask("select sketch_name from nodes where id = ?", NODE) == [(None,)]
    assert ask("select value, readings from channels where id = ?", 65536 * NODE + 256)[0:1] == [(41.0, 1)]
    assert ask("select sum(messages) from node_daily where node = ? and child_id is null", NODE) == [(2,)]
    assert whole(ask)


def test_a_deleted_sensor_comes_back_when_it_speaks(house, ask):
    speaker = Speaker(house)
    ask_for(house, "sensor", 256 * NODE + 1)
    speaker.say("1;0;1;0;0;3").commit()
    assert ask("select count(*) from sensors where node = ?", NODE) == [(1,)] and speaker.told == [
        (0, NODE, 1)
    ]
    speaker.say("1;1;1;0;0;9").commit()
    assert ask("select readings from channels where sensor = ?", 256 * NODE + 1) == [(1,)] and whole(ask)


def test_days_end_where_they_end_in_the_house(house, ask):
    """The start of a day in Tokyo lies in the day before in UTC."""
    house = replace(house, timezone="Asia/Tokyo")
    day = ask("select max(day) from node_daily")[0][0]
    at = f"{ask('select date(?, ?)', day, '-1 day')[0][0]}T15:00:00.000Z"
    ask_for(house, "before", before_at=at, everything=1)
    assert ask("select min(day) from node_daily") == [(day,)]


def test_a_deletion_that_cannot_even_be_noted_is_left_for_later(house, ask):
    """On a full disk nothing can be written: neither rows go, nor is it told that they did not."""
    ask(
        "create trigger full before update on deletions "
        "begin select raise(abort, 'database or disk is full'); end"
    )
    ask("insert into deletions (kind, key, subject) values ('node', 1, 'it')")
    house = replace(house, retention=KEEP_ALL)
    worker = threading.Thread(target=run_due, args=(house,), daemon=True)
    worker.start()
    worker.join(20)
    over = not worker.is_alive()
    ask("drop trigger full")
    worker.join(20)
    assert over
    run_due(house)
    assert ask("select state from deletions") == [("done",)] and not any(rows_of(ask, NODE).values())


@pytest.mark.parametrize(("kind", "key"), [("requests", NODE), ("sensor", 256 * NODE + 1), ("node", OTHER)])
def test_what_stays_is_not_read_while_others_wait(house, ask, monkeypatch, kind, key):
    ask("""with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
        insert into messages
          (received_at, gateway, node, node_id, child_id, command, echo, type, type_name, payload)
        select '2026-11-01T00:00:00.000Z', 0, 1, 1, 0, 1, 0, 0, 'V_TEMP', '20' from n""")
    ask("""with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
        insert into node_daily (day, series, node, messages, intervals)
        select date('2000-01-01', i || ' days'), 7, 3, 1, 1 from n""")
    steps, locked = [0], BatchRunner.locked

    def counted(pace, write):
        steps.append(0)
        pace.connection.set_progress_handler(lambda: steps.append(steps.pop() + 1), 1000)
        locked(pace, write)
        pace.connection.set_progress_handler(None, 0)

    monkeypatch.setattr(BatchRunner, "locked", counted)
    ask_for(house, kind, key)
    assert whole(ask) and ask("select state from deletions") == [("done",)]
    assert len(steps) > 2 and max(steps) < 200, steps  # thousands of steps of SQLite's machine
