"""The history of a node goes on under another one, every row once, and comes back whole."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from ingest.config.retention import Retention
from ingest.db.batches import BatchLimits, StoppedError
from ingest.db.connection import connect, dict_rows, transaction
from ingest.maintenance.jobs import run_due
from ingest.maintenance.replacement import next_replacement, replace_node
from ingest.maintenance.replacement_plan import (
    child_moves,
    count_moved,
    made_final,
    why_not,
    why_not_retried,
    why_not_reverted,
)
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.store import Store

OLD, NEW = 1, 2
KEEP_ALL = Retention(None, None, None, None, None)
FIGURES = {
    "readings": "select id, received_at, channel, text, moved_from from readings order by id",
    "readings_hourly": "select channel, hour_at, count, min, avg, max, numbers from readings_hourly",
    "node_daily": "select day, series, node, child_id, messages, intervals, min_interval_s, avg_interval_s, "
    "max_interval_s from node_daily",
    "battery_levels": "select id, node, level, moved_from from battery_levels",
    "battery_changes": "select id, node, changed_at, moved_from from battery_changes",
    "channels": "select id, readings, first_at, last_at, value from channels order by id",
    "settings": "select subject, key, value from settings",
    "nodes": "select id, name, label, location, battery_changed_at, retired_at from nodes",
    "messages": "select count(*), max(id), sum(node) from messages",
}


def order(house, old=OLD, new=NEW, old_child=None, new_child=None):
    with closing(connect(house.database)) as connection:
        return connection.execute(
            "insert into node_replacements (old_node, new_node, old_child_id, new_child_id, subject) "
            "values (?, ?, ?, ?, 'it') returning id",
            (old, new, old_child, new_child),
        ).fetchone()[0]


def row(house, number):
    with closing(connect(house.database)) as connection:
        return next(iter(dict_rows(connection, "select * from node_replacements where id = ?", (number,))))


def run(house):
    with closing(connect(house.database)) as connection:
        found = next_replacement(connection)
    replace_node(house.database, found, limits=BatchLimits(pause_factor=0))


def revert(house, number):
    with closing(connect(house.database)) as connection:
        assert why_not_reverted(connection, row(house, number)) is None
        connection.execute("update node_replacements set state = 'reverting' where id = ?", (number,))
    run(house)
    assert row(house, number)["state"] == "reverted"


def figures(ask):
    """What must be the same after a replacement was taken back; means to 9 digits."""
    return {
        table: [tuple(round(v, 9) if isinstance(v, float) else v for v in values) for values in ask(sql)]
        for table, sql in FIGURES.items()
    }


def check_once(ask, new=NEW, old=OLD):
    """Every reading is there once; the hours of the new node are what its readings say."""
    assert ask("select count(*) from readings where channel / 65536 = ?", old) == [(0,)]
    assert ask("select count(*) from readings_hourly where channel / 65536 = ?", old) == [(0,)]
    assert ask("select count(*) from node_daily where node = ?", old) == [(0,)]
    wrong = ask(
        "select h.channel, h.hour_at from readings_hourly h join (select channel, "
        "substr(received_at, 1, 13) as hour, count(*) as n, min(value) as low, avg(value) as mean, "
        "max(value) as high from readings group by 1, 2) r on r.channel = h.channel "
        "and r.hour = substr(h.hour_at, 1, 13) "
        "where h.channel / 65536 = ? and (h.count <> r.n or h.min <> r.low or h.max <> r.high "
        "or abs(h.avg - r.mean) > 1e-9)",
        new,
    )
    assert wrong == []
    counted = ask(
        "select c.id from channels c where c.node = ? and c.readings <> "
        "(select count(*) from readings where channel = c.id)",
        new,
    )
    assert counted == []


@pytest.fixture
def furnished(house, ask):
    ask("insert into battery_changes (node, changed_at) values (?, '2026-01-01T00:00:00.000Z')", OLD)
    for node in (OLD, NEW):
        ask("insert into battery_levels (received_at, node, level) values ('2026-01-02', ?, 77)", node)
    ask("update nodes set location = 'shed' where id = ?", OLD)
    for subject in (f"nodes/{OLD}", f"sensors/{256 * OLD}"):
        ask("insert into settings (subject, key, value) values (?, 'label', 'Tomatoes')", subject)
    return house


def test_a_history_goes_on_under_another_node_and_comes_back(furnished, ask):
    house, before = furnished, figures(ask)
    number = order(house)
    with closing(connect(house.database)) as connection:
        planned = {one.table: one.rows for one in count_moved(connection, row(house, number))}
        assert {move.outcome for move in child_moves(connection, row(house, number))} == {"joins"}
    assert set(planned) == {
        "readings", "readings_hourly", "node_daily", "battery_levels", "battery_changes",
    }  # fmt: skip
    run_due(replace(house, retention=KEEP_ALL))
    after = row(house, number)
    assert after["state"] == "done" and after["rows"] == sum(planned.values())
    check_once(ask)
    assert ask("select count(*) from readings where channel / 65536 = ? and moved_from is not null", NEW) == [
        (planned["readings"],)
    ]
    assert ask("select location, label, battery_changed_at from nodes where id = ?", NEW) == [
        ("shed", "Tomatoes", "2026-01-01T00:00:00.000Z")
    ]
    assert ask("select id from nodes where retired_at is not null") == [(OLD,)]
    assert figures(ask)["messages"] == before["messages"], "messages stay as they were sent"
    revert(house, number)
    assert figures(ask) == before
    assert ask("pragma foreign_key_check") == [] and ask("select count(*) from moved_hours") == [(0,)]


@pytest.mark.parametrize("chain", [((1, 2), (2, 3), (3, 1)), ((1, 2), (2, 1)), ((2, 3), (1, 3))])
def test_a_chain_is_taken_back_step_by_step(furnished, ask, chain):
    house = furnished
    seen, numbers = [figures(ask)], []
    for old, new in chain:
        numbers.append(order(house, old, new))
        run(house)
        seen.append(figures(ask))
    last = chain[-1][1]
    firsts = ask("select distinct moved_from / 65536 from readings where channel / 65536 = ?", last)
    assert {first for (first,) in firsts} - {None} == {old for old, _ in chain}
    for number, before in zip(reversed(numbers), reversed(seen[:-1]), strict=True):
        with closing(connect(house.database)) as connection:
            others = [other for other in numbers if other < number]
            assert all("take that back first" in why_not_reverted(connection, row(house, n)) for n in others)
        revert(house, number)
        assert figures(ask) == before
    assert ask("pragma foreign_key_check") == []


def test_children_of_another_type_stay_and_free_ids_are_moved_to(furnished, ask):
    house = furnished
    ask("update sensors set type = 6, type_name = 'S_TEMP' where id = ?", 256 * OLD)
    ask("update sensors set type = 7, type_name = 'S_HUM' where id = ?", 256 * NEW)
    ask("insert into sensors (id, name, node, child_id) values (?, '', ?, 9)", 256 * OLD + 9, OLD)
    ask(
        "insert into channels (id, name, node, sensor, type, type_name) values (?, '', ?, ?, 0, 'V_TEMP')",
        65536 * OLD + 9 * 256, OLD, 256 * OLD + 9,
    )  # fmt: skip
    ask("insert into readings (received_at, channel, value, text) values ('2026-01-03', ?, 1, '1')",
        65536 * OLD + 9 * 256)  # fmt: skip
    kept = ask("select count(*) from readings where channel / 256 = ?", 256 * OLD)
    number = order(house)
    with closing(connect(house.database)) as connection:
        moves = child_moves(connection, row(house, number))
    assert [(move.old % 256, move.outcome) for move in moves] == [(0, "stays"), (1, "joins"), (9, "moves")]
    run(house)
    assert ask("select count(*) from readings where channel / 256 = ?", 256 * OLD) == kept != [(0,)]
    assert ask("select text from readings where channel / 256 = ?", 256 * NEW + 9) == [("1",)]


@pytest.mark.parametrize(("old", "new", "old_child", "new_child"), [(1, 1, 0, 5), (1, 2, 1, 0)])
def test_the_history_of_a_child_goes_on_under_another_one(furnished, ask, old, new, old_child, new_child):
    house, before = furnished, figures(ask)
    rest = ask("select count(*) from readings where channel / 256 = ?", 256 * old + 1 - old_child)
    number = order(house, old, new, old_child, new_child)
    run(house)
    assert ask("select count(*) from readings where channel / 256 = ?", 256 * old + old_child) == [(0,)]
    assert ask("select count(*) from node_daily where node = ? and child_id = ?", old, old_child) == [(0,)]
    if old == new:
        assert ask("select count(*) from readings where channel / 256 = ?", 256 * old + 1 - old_child) == rest
    assert ask("select value from settings where subject = ?", f"nodes/{old}") == [("Tomatoes",)]
    revert(house, number)
    after = figures(ask)
    made = {channel[0] for channel in after["channels"]} - {channel[0] for channel in before["channels"]}
    after["channels"] = [channel for channel in after["channels"] if channel[0] not in made]
    assert after == before


def test_what_cannot_be_done_or_taken_back_says_why(furnished, ask):
    house = furnished
    first = row(house, order(house))
    with closing(connect(house.database)) as connection:
        assert "under way" in why_not(connection, {**first, "old_node": 3, "new_node": 1})
        assert "the same" in why_not(connection, {**first, "new_node": OLD})
        assert "gateway itself" in why_not(connection, {**first, "new_node": 0})
        assert "is queued" in why_not_reverted(connection, first)
        run(house)
        done = row(house, first["id"])
        planned = {"old_child_id": None, "new_child_id": None}
        assert made_final(connection, {**planned, "old_node": NEW, "new_node": 3}) == []
        assert made_final(connection, {**planned, "old_node": OLD, "new_node": NEW}) == [done["id"]]
        second = order(house, 3, NEW)
        run(house)
        assert "take that back first" in why_not_reverted(connection, done)
        revert(house, second)
        assert why_not_reverted(connection, done) is None
        again = order(house)
        run(house)
        assert "which of them did which is not known" in why_not_reverted(connection, done)
        connection.execute("delete from node_replacements where id = ?", (again,))
        third = order(house, NEW, 3)
        run(house)
        assert "take that back first" in why_not_reverted(connection, done)
        version_before = "update node_replacements set kept = json_remove(kept, '$.origins') where id = ?"
        connection.execute(version_before, (third,))
        assert f"replacement {third} passed its history on" in why_not_reverted(connection, done)
        connection.execute("update node_replacements set kept = '{}' where id = ?", (third,))
        connection.execute("update nodes set last_seen_at = '2999-01-01T00:00:00.000Z' where id = ?", (OLD,))
        assert "heard again" in why_not_reverted(connection, done)


@pytest.mark.parametrize("back", [False, True])
def test_one_that_failed_goes_on(furnished, ask, back):
    """A full disk in its midst; nothing is twice, nothing is missing."""
    house, before = furnished, figures(ask)
    number = order(house)
    if back:
        run(house)
        ask("update node_replacements set state = 'reverting', reverted_by = 'ann'")
    ask(
        "create trigger full before update on node_replacements when new.rows > old.rows + 3 "
        "begin select raise(abort, 'disk is full'); end"
    )
    with pytest.raises(sqlite3.Error):
        run(house)
    assert (row(house, number)["state"], row(house, number)["detail"]) == ("failed", "disk is full")
    ask("drop trigger full")
    with closing(connect(house.database)) as connection:
        assert why_not_retried(connection, row(house, number)) is None
        connection.execute("update node_replacements set state = ?", ("reverting" if back else "queued",))
        assert "is" in why_not_retried(connection, row(house, number))
    run(house)
    if back:
        assert figures(ask) == before
    else:
        check_once(ask)


CHILD = """
import sys
from pathlib import Path
from contextlib import closing
from ingest.db.batches import BatchLimits
from ingest.db.connection import connect
from ingest.maintenance.replacement import next_replacement, replace_node
with closing(connect(sys.argv[1])) as connection:
    row = next_replacement(connection)
if row:
    replace_node(Path(sys.argv[1]), row, limits=BatchLimits(fewest=5, most=20, pause_factor=2))
"""


def test_a_job_that_is_killed_at_any_moment_leaves_every_row_once(furnished, ask):
    house, before, chance = furnished, figures(ask), random.Random(5)
    number = order(house)

    def finish_with_kills():
        for _ in range(4):
            process = subprocess.Popen([sys.executable, "-c", CHILD, str(house.database)])
            moved = row(house, number)["rows"]
            end = time.monotonic() + 10
            while row(house, number)["rows"] == moved and process.poll() is None and time.monotonic() < end:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.1))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            total = ask("select count(*) from readings")
            assert total == [(len(before["readings"]),)]
        assert row(house, number)["state"] in ("running", "reverting"), "killed in its midst"
        run(house)

    finish_with_kills()
    assert row(house, number)["state"] == "done"
    check_once(ask)
    ask("update node_replacements set state = 'reverting'")
    finish_with_kills()
    assert row(house, number)["state"] == "reverted" and figures(ask) == before


def test_ingest_goes_on_meanwhile_and_learns_of_it(furnished, ask):
    """Live messages of the new node are stored while the job runs and after it; both counts stay."""
    house = furnished
    number = order(house)
    connection = connect(house.database)
    store = Store(connection, "UTC")

    def say(text):
        messages, rejects = LineDecoder().decode_block(f"{text}\n".encode())
        store.absorb(ReceivedBlock(0, "main", time.time(), time.monotonic(), 1, messages, rejects))
        store.poll(connection, True)
        with transaction(connection):
            store.write(connection)
        store.committed()

    say(f"{NEW};0;1;0;0;30")
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        replace_node(house.database, row(house, number), stop, BatchLimits(most=50))
    say(f"{NEW};0;1;0;0;31")
    say(f"{NEW};7;1;0;0;1")
    run(house)
    say(f"{NEW};0;1;0;0;32")
    assert row(house, number)["state"] == "done"
    check_once(ask)
    assert ask("select value from channels where id = ?", 65536 * NEW) == [(32.0,)]
    revert(house, number)
    say(f"{NEW};0;1;0;0;33")
    ((readings, held),) = ask(
        "select readings, (select count(*) from readings where channel = channels.id) from channels "
        "where id = ?", 65536 * NEW,
    )  # fmt: skip
    assert readings == held
    say(f"{OLD};0;1;0;0;20")
    ((readings, held),) = ask(
        "select readings, (select count(*) from readings where channel = channels.id) from channels "
        "where id = ?", 65536 * OLD,
    )  # fmt: skip
    assert readings == held
    connection.close()
