"""What a prune takes and what it leaves, whatever happens in the middle of it."""

import random
import re
import signal
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ingest.config.model import ConfigError
from ingest.config.retention import Retention
from ingest.db.connection import connect, transaction
from ingest.db.locks import LockedError
from ingest.db.rowid_search import first_since
from ingest.db.time import format_utc, parse_utc
from ingest.jobs.register import request_job
from ingest.maintenance.jobs import maintenance_lock, run_due
from ingest.maintenance.retention import FARTHEST, GrowingTable, days_until_full, forecast, plan, read_plan
from ingest.mysensors.replay import replay
from tests.helpers.config_text import parse_config

ROOT = Path(__file__).resolve().parents[3]
DAY_S = 86_400
ROLLED_UP = (
    "select * from readings_hourly",
    "select * from node_daily",
    "select * from channels",
    "select * from events",
)


def whole(ask):
    return ask("pragma integrity_check") == [("ok",)] and ask("pragma foreign_key_check") == []


def test_a_prune_takes_what_its_plan_says_and_nothing_that_sums_it_up(house, ask):
    items = {item.table: item for item in read_plan(house.database, house.retention)}
    cut = format_utc(time.time() - 30 * DAY_S)
    old = {
        table: ask(f"select count(*) from {table} where {at} < ?", cut)[0][0]
        for table, at in (("messages", "received_at"), ("rejects", "received_at"), ("oddities", "at"))
    }
    kept = {
        table: ask(f"select * from {table} where {at} >= ? order by id", cut)
        for table, at in (("messages", "received_at"), ("rejects", "received_at"))
    }
    figures = [ask(sql) for sql in ROLLED_UP]
    assert all(old.values()) and {table: items[table].rows for table in old} == old
    assert all(items[table].counted and items[table].bytes for table in old)
    size = ask("pragma page_count")
    assert "prune" in run_due(house)
    for table, rows in kept.items():
        assert ask(f"select * from {table} order by id") == rows
    assert [ask(sql) for sql in ROLLED_UP] == figures
    assert ask("pragma page_count") < size and ask("pragma freelist_count") == [(0,)] and whole(ask)
    ((state, rows, by, longest),) = ask("select state, rows, started_by, longest_s from retention_runs")
    assert (state, rows, by) == ("done", sum(old.values()), "schedule") and longest > 0
    assert run_due(house) == []


def test_strange_messages_outlive_their_messages(house, ask):
    house = replace(house, retention=Retention(messages_days=10, rejects_days=20))
    run_due(house)
    assert ask("select count(*) from oddities where message is null")[0][0] > 0
    assert ask("select count(*) from oddities where message is not null")[0][0] > 0
    assert whole(ask)


def test_ids_go_on_rising_after_everything_is_old(tmp_path, house, ask):
    run_due(replace(house, retention=replace(house.retention, messages_days=1)))
    newest = ask("select max(id) from messages")
    connection = connect(house.database)
    with transaction(connection):
        connection.execute("update messages set received_at = '2000-01-01T00:00:00.000Z'")
        connection.execute("update chores set covered_at = '2000-01-01T00:00:00.000Z'")
    connection.close()
    run_due(house)
    assert ask("select id from messages") == newest
    replay(house.database, "main", "tcp main:5003", [(time.time(), b"1;1;1;0;0;5")], "UTC")
    assert ask("select max(id) from messages")[0][0] == newest[0][0] + 1


@pytest.mark.parametrize("wrong", ["1970-01-01T00:00:01.000Z", "2090-01-01T00:00:00.000Z"])
def test_a_clock_that_was_wrong_costs_no_row_that_is_young(house, ask, wrong):
    (low, high) = ask("select min(id), max(id) from messages")[0]
    rnd = random.Random(5)
    connection = connect(house.database)
    with transaction(connection):
        for start in rnd.sample(range(low, high), 20):
            connection.execute(
                "update messages set received_at = ? where id between ? and ?", (wrong, start, start + 40)
            )
    cut = format_utc(time.time() - 30 * DAY_S)
    young = ask("select id from messages where received_at between ? and '2080' order by id", cut)
    run_due(house)
    assert ask("select id from messages where received_at between ? and '2080' order by id", cut) == young
    connection.close()


def test_the_cutoff_is_found_by_few_look_ups_over_gaps(ask, house):
    connection = connect(house.database)
    connection.execute("delete from messages where id % 7 between 1 and 5 and id > 100")
    wanted = "2000-01-01T00:00:00.000Z", format_utc(time.time() - 30 * DAY_S), format_utc(time.time())
    for at in wanted:
        steps = []
        connection.set_progress_handler(partial(steps.append, 1), 1)
        found = first_since(connection, "messages", "received_at", at, format_utc(time.time()))
        connection.set_progress_handler(None, 1)
        assert (
            len(steps) < 2000
        )  # of SQLite's machine: a scan of these rows takes more than ten times as many
        expected = connection.execute(
            "select coalesce(min(id), (select max(id) from messages)) from messages where received_at >= ?",
            (at,),
        ).fetchone()[0]
        # ids from `found` on hold every row that is not older, ids below it none
        assert (
            connection.execute("select min(id) from messages where id >= ?", (found,)).fetchone()[0]
            == expected
        )
    connection.close()


def test_killed_in_the_middle_it_goes_on(house, ask, voltkeeper, write_config, wait_for):
    config = write_config(f"database: {house.database}\ntimezone: UTC\nretention: {{readings_days: 2}}\n")
    figures = [ask(sql) for sql in ROLLED_UP]
    before = ask("select count(*) from messages")
    for pause in (0.0, 0.01, 0.03):
        program = voltkeeper("prune", "--config", config)
        ended = program.process.poll
        running = "select 1 from retention_runs where state = 'running'"
        wait_for(lambda ended=ended, running=running: ask(running) or ended() is not None)
        time.sleep(pause)
        program.process.send_signal(signal.SIGKILL)
        program.wait()
        assert whole(ask)
    program = voltkeeper("prune", "--config", config)
    assert program.wait() == 0, program.text
    assert ask("select count(*) from messages") < before and [ask(sql) for sql in ROLLED_UP] == figures
    states = [state for (state,) in ask("select state from retention_runs order by id")]
    assert states[-1] == "done" and "running" not in states and whole(ask)
    oldest = ask("select min(received_at) from readings")[0][0]
    assert parse_utc(oldest) > time.time() - 2 * DAY_S - 60


def test_a_machine_without_a_site_prunes_by_a_timer(house, ask, write_config, voltkeeper):
    """What the unit starts is all that is needed."""
    unit = (ROOT / "deploy/systemd/voltkeeper-prune.service").read_text()
    (command,) = re.findall(r"^ExecStart=\S+/voltkeeper (.*)$", unit, re.M)
    assert "VOLTKEEPER_CONFIG=" in unit and (ROOT / "deploy/systemd/voltkeeper-prune.timer").is_file()
    old = format_utc(time.time() - 31 * DAY_S)
    assert ask("select count(*) from messages where received_at < ?", old)[0][0] > 1000
    at = house.retention.at
    config = write_config(f"database: {house.database}\ntimezone: UTC\nretention: {{at: '{at}'}}\n")
    program = voltkeeper(*command.split(), VOLTKEEPER_CONFIG=str(config))
    assert program.wait() == 0, program.text
    assert ask("select count(*) from messages where received_at < ?", old) == [(0,)]
    assert ask("select state, started_by from retention_runs") == [("done", "command line")]
    with maintenance_lock(house.database):  # a site beside it is at work just now
        program = voltkeeper(*command.split(), VOLTKEEPER_CONFIG=str(config))
        assert program.wait() == 1 and "another program" in program.text
    assert "prune" not in run_due(house)  # the site finds the work done


def test_dry_run_says_what_would_go_and_takes_nothing(house, ask, voltkeeper, write_config):
    config = write_config(f"database: {house.database}\ntimezone: UTC\n")
    before = ask("select count(*) from messages")
    program = voltkeeper("prune", "--dry-run", "--config", config)
    assert program.wait() == 0 and "messages older than 30 days: " in program.text and "MB" in program.text
    assert ask("select count(*) from messages") == before and ask("select * from retention_runs") == []


def test_two_programs_do_not_work_at_once(house):
    with maintenance_lock(house.database), pytest.raises(LockedError):
        run_due(house)
    assert "prune" in run_due(house)


def test_it_stops_between_chunks_and_goes_on(house, ask):
    from ingest.db.batches import StoppedError

    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        run_due(house, stop)
    assert ask("select outcome from chores where name = 'prune'") == [("stopped",)]
    assert "prune" in run_due(house)
    assert ask("select outcome from chores where name = 'prune'") == [("done",)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{messages_days: 0}", "retention.messages_days: has to be 1 or more"),
        ("{at: 13:00}", 'write it in quotes, such as "13:00"'),
        ("{at: noon}", "'noon' is not a time of day"),
        ("{mesages_days: 3}", "did you mean 'messages_days'?"),
    ],
)
def test_settings_are_checked_in_words(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words.replace("?", "\\?").replace(".", "\\.")):
        parse_config(f"retention: {text}", tmp_path)


def test_null_keeps_rows_permanently(house):
    connection = connect(house.database)
    tables = {item.table for item in plan(connection, Retention(messages_days=None))}
    assert "messages" not in tables and "rejects" in tables
    connection.close()


def test_polls_that_go_on_are_kept_whatever_is_said_of_them_meanwhile(house, ask):
    """Their end moves on while the prune is at work: it is ahead of the time at which that began."""
    now = time.time()
    ask("insert into ups (id, name, driver, source, label) values (1, 'rack', 'nut', 'closet', 'Rack')")
    for start, end in ((200, 199), (100, -1), (99, 98), (0.1, 0.1)):
        ask(
            "insert into polls (ups, started_at, ended_at, count, outcome) values (1, ?, ?, 9, 'ok')",
            format_utc(now - start * DAY_S),
            format_utc(now - end * DAY_S),
        )
    assert {item.table: item.rows for item in read_plan(house.database, house.retention)}["polls"] == 2
    run_due(house)
    assert ask("select id from polls order by id") == [(2,), (4,)]


def damage(path):
    """Overwrite the middle of some leaf page of old rows, as a failing SD card does."""
    with closing(connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        sql = "select pageno from dbstat where name = 'messages' and pagetype = 'leaf' limit 1 offset 20"
        try:
            page = connection.execute(sql).fetchone()[0]
        except sqlite3.OperationalError:  # built without dbstat: a leaf page of a table begins with 13
            page = next(n for n in range(40, 4000) if path.read_bytes()[(n - 1) * 1024] == 13)
        size = connection.execute("pragma page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * 300)


ATTENTION = "select severity, subject, text, href from attention where subject = 'Database'"


def test_a_damaged_page_of_old_rows_is_critical_until_a_check_finds_none(house, ask):
    run_due(house)
    assert ask("select outcome, detail from chores where name = 'quick_check'") == [
        ("done", "every page is sound")
    ]
    damage(house.database)
    with closing(connect(house.database)) as connection, transaction(connection):
        request_job(connection, "quick_check", "ann")
    run_due(house)
    [(severity, _, text, href)] = ask(ATTENTION)
    assert (severity, href) == ("Critical", "/-/maintenance")
    assert text.startswith("the file is damaged: ") and "restore a copy" in text
    assert ask("select outcome from chores where name = 'quick_check'") == [("failed",)]
    with closing(connect(house.database)) as connection, transaction(connection):
        connection.execute("update chores set outcome = 'failed', detail = 'database is locked'")
    assert ask(ATTENTION) == []  # nothing was found


def test_events_that_may_flood_go_after_a_year_and_outages_stay(house, ask):
    now = time.time()
    kinds = (
        "ONBATT",
        "COMMBAD",
        "GATEWAY_LOST",
        "LOWBATT",
        "TRIM",
        "NODE_SILENT",
        "CLOCK_STEP",
        "OTA_FAILED",
    )
    with closing(connect(house.database)) as connection, transaction(connection):
        connection.execute(
            "insert into ups (id, name, source, driver, label) values (1, 'a@b', 'b', 'nut', '')"
        )
        for days in (800, 500, 370, 364, 10):
            at = format_utc(now - days * DAY_S)
            connection.executemany(
                "insert into events (event, ups, started_at, ended_at) values (?, 1, ?, ?)",
                [(kind, at, at) for kind in kinds],
            )
            connection.execute("insert into events (event, ups, started_at) values ('ALARM', 1, ?)", (at,))
    run_due(house)
    [item] = [item for item in read_plan(house.database, house.retention) if item.table == "events"]
    assert item.rows == 0
    count = dict(ask("select event, count(*) from events group by event"))
    frequent = {"COMMBAD": 2, "GATEWAY_LOST": 2, "TRIM": 2, "NODE_SILENT": 2}
    assert count == dict.fromkeys(kinds, 5) | frequent | {"ALARM": 5}
    assert ask("select count(*) from events where ended_at is null") == [(5,)]


def test_a_disk_is_full_when_the_growth_of_all_tables_has_taken_its_space():
    kept, pruned = GrowingTable(100, 10, 5000, None), GrowingTable(100, 10, 5000, 60)
    assert days_until_full([kept], 999) == 1 and days_until_full([kept], 10_001) == 11
    assert days_until_full([kept, pruned], 20_000) == 10  # both grow
    assert days_until_full([kept, pruned], 40_000) == 30  # one has stopped on its 10th day
    assert days_until_full([pruned], 10_001) is None and days_until_full([kept], 0) == 0
    assert days_until_full([kept], 1000 * FARTHEST + 1) is None
    assert forecast(*pruned, 9) < forecast(*pruned, 10) == forecast(*pruned, 11)
