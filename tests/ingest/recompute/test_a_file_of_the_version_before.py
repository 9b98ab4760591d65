"""A file of the version before is brought in line with the present rules, once, beside a running ingest.

`before_field_rules.sql` was made with the code of 3806dde: its UpsStore was fed a poll each 30 s from 08:00
and 10:00 on 2026-03-01, of UPSes of 900 W at 20 % of load on mains of 230 V, but for these:
    rack     08:20 to 08:25 on battery, then until 09:00 charge 255 and load 562020; the samples of that hour
             are pruned. 10:15 OL TEST, 10:17 to 10:20 OB DISCHRG TEST at 0 V (A: no outage). 10:30 to 10:32
             a test "In progress" at 230 V (K: an outage). 10:45 to 10:50 an outage, in it charge -197.6,
             runtime -1, load 562020
    lab      from 10:10 on charge 255, load 562020, temperature 255, runtime 3932100, battery 10000000 V
    shed     121 V without a nominal voltage, transfer voltages 0 and 0
    stuck    OL TEST from 10:02:30 on
    nominal  ups.realpower 0 beside a load of 24 %
"""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.db.batches import StoppedError
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.recompute import ups_recompute
from ingest.recompute.open_events import RULE_CHANGED, close_obsolete
from ingest.recompute.recomputer import Recomputer
from ingest.schema.migrate import migrate
from ingest.ups.records import Poll
from ingest.ups.registry import UpsSource, register
from ingest.ups.store import UpsStore

FILE = Path(__file__).parent / "before_field_rules.sql"
ROOT = Path(__file__).parents[3]
RACK, LAB, SHED, STUCK, NOMINAL = range(1, 6)
TABLES = ("ups_samples", "ups_samples_hourly", "ups_hours_not_recomputed", "events", "ups_refused")
RUN = """
import sys
from pathlib import Path
from ingest.recompute.recomputer import Recomputer
Recomputer(Path(sys.argv[1]), "Europe/Rome", {}, rest=float(sys.argv[2])).recompute()
"""


_after = {}  # (step, content of a file before it) -> its content after it: tests begin with the same steps


class OldFile:
    """The database, before or after."""

    def __init__(self, path):
        self.path = path
        path.touch()
        self._step("create", self._create)

    def _step(self, name, work):
        key = name, self.path.read_bytes()
        if key in _after:
            self.path.write_bytes(_after[key])
        else:
            work()
            _after[key] = self.path.read_bytes()

    def _create(self):
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(FILE.read_text(encoding="utf-8"))
            connection.execute("pragma journal_mode = wal")

    def rows(self, sql, *values):
        with closing(connect(self.path, readonly=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def one(self, sql, *values):
        return self.rows(sql, *values)[0][0]

    def change(self, sql, *values):
        self.change_many(sql, [values])

    def change_many(self, sql, rows):
        with closing(connect(self.path)) as connection, transaction(connection):
            connection.executemany(sql, rows)

    def migrate(self):
        self._step("migrate", lambda: migrate(self.path))
        return self

    def finish(self):
        """Do all of it."""
        self._step("finish", self._bring_in_line)
        return self

    def _bring_in_line(self):
        self.migrate().close_obsolete()
        self.recompute()

    def close_obsolete(self, settings=None):
        with closing(connect(self.path)) as connection:
            return close_obsolete(connection, settings or {}, {})

    def recompute(self, **options):
        recomputer = Recomputer(self.path, "Europe/Rome", {}, **{"rest": 0.0, **options})
        assert recomputer.recompute() is None
        return recomputer

    def dump(self):
        return {table: self.rows(f"select * from {table}") for table in TABLES}

    def hour(self, ups, hour_at, *columns):
        return self.rows(
            f"select {', '.join(columns)} from ups_samples_hourly where ups = ? and hour_at = ?", ups, hour_at
        )[0]

    def figures(self, ups, started_at):
        return json.loads(
            self.one(
                "select figures from events where ups = ? and event = 'ONBATT' and started_at = ?",
                ups,
                started_at,
            )
        )


def at(clock):
    return f"2026-03-01T{clock}.000Z"


@pytest.fixture
def old(tmp_path):
    return OldFile(tmp_path / "telemetry.db")


@pytest.fixture
def done(old):
    return old.finish()


# Events that are open.


def test_open_events_that_the_rules_would_not_open_are_closed(old):
    old.migrate()
    assert old.close_obsolete() == 6
    assert old.rows("select event, ups from events where ended_at is null") == []
    closed = old.rows(f"select ups, event, complete, detail from events where detail like '%{RULE_CHANGED}'")
    assert sorted(closed) == [
        (LAB, "HOT", 0, f"temperature above 40 °C: 255 °C; {RULE_CHANGED}"),
        (LAB, "LOAD_HIGH", 0, f"load above 80 %: 562020 %; {RULE_CHANGED}"),
        (LAB, "OVER", 0, RULE_CHANGED),
        (SHED, "INPUT_LOW", 0, f"input voltage below 180 V: 121 V; {RULE_CHANGED}"),
        (SHED, "VOLTAGE", 0, f"input voltage above 0 V: 121 V; {RULE_CHANGED}"),
        (STUCK, "TEST", 0, RULE_CHANGED),
    ]
    assert old.one("select ended_at from events where event = 'HOT'") == at("10:29:30")
    assert old.close_obsolete() == 0


@pytest.mark.parametrize(
    ("status", "variables", "event", "stays"),
    [
        ("OL", {"ups.temperature": "45"}, "HOT", True),
        ("OL", {"ups.temperature": "302"}, "HOT", False),
        ("OL", {"ups.temperature": "-272"}, "HOT", False),
        ("OL", {}, "HOT", False),  # no temperature any more
        ("OL", {"ups.load": "90"}, "LOAD_HIGH", True),
        ("OL", {"ups.load": "520"}, "LOAD_HIGH", False),
        ("OL OVER", {"ups.load": "130"}, "LOAD_HIGH", False),  # OVER alone says it
        ("OL OVER", {"ups.load": "130"}, "OVER", True),
        ("OL", {"battery.charge": "12"}, "CHARGE_LOW", True),
        ("OL", {"battery.charge": "1000"}, "CHARGE_LOW", False),
        ("OL", {"input.voltage": "290"}, "VOLTAGE", False),  # within the normal band of no transfer voltages
        ("OB DISCHRG", {"input.voltage": "0.0"}, "ONBATT", True),
        ("OL OB", {"input.voltage": "230"}, "ONBATT", False),
        ("OB DISCHRG", {"input.voltage": "0.0"}, "INPUT_LOW", False),  # the outage says it
        ("OL ALARM", {"ups.alarm": "fan"}, "ALARM", True),
        ("OL RB", {}, "REPLBATT", True),
        ("OL", {}, "COMMBAD", True),
        ("OL BYPASS", {}, "BYPASS", True),
    ],
)
def test_what_an_open_event_needs_to_stay_open(old, status, variables, event, stays):
    old.migrate()
    old.change("delete from events")
    old.change("delete from ups_variables where ups = ?", RACK)
    old.change("update ups set status = ? where id = ?", status, RACK)
    for name, value in ({"ups.status": status, "input.voltage": "230"} | variables).items():
        old.change(
            "insert into ups_variables (ups, variable, value, changed_at) values (?, ?, ?, '2026')",
            RACK,
            name,
            value,
        )
    figures = (
        '{"samples": 1, "covered_s": 10, "seconds": 10, "missed_polls": 0, "low_battery": 0, "extreme": 99}'
    )
    old.change(
        "insert into events (event, ups, started_at, complete, detail, figures) values (?, ?, ?, 1, '', ?)",
        event,
        RACK,
        at("10:50:00"),
        figures,
    )
    old.close_obsolete()
    assert (old.one("select ended_at from events") is None) is stays


def test_a_reader_goes_on_without_them(old):
    old.migrate().close_obsolete()
    connection = connect(old.path)
    source = UpsSource("closet", "nut", "10.0.0.1:3493", ("lab@closet",))
    register(connection, [source], {})
    store = UpsStore(connection, "Europe/Rome", [source], {})
    variables = {"ups.status": "OL", "ups.temperature": "255", "ups.load": "562020", "battery.charge": "255"}
    for number in range(3):
        moment = parse_utc(at("12:00:00")) + 30 * number
        store.absorb(Poll("lab@closet", moment, moment, 30.0, status="OL", variables=variables))
    with transaction(connection):
        store.write(connection)
    store.committed()
    connection.close()
    assert old.rows("select event from events where ups = ? and ended_at is null", LAB) == []


# What is recomputed.


def test_figures_that_cannot_be_are_unknown_and_kept_aside(done):
    assert done.rows(
        "select count(*), count(battery_charge), count(ups_load), count(battery_runtime), count(watts), "
        "count(battery_voltage), count(ups_temperature), count(input_voltage) from ups_samples "
        "where ups = ? and sampled_at >= ?",
        LAB,
        at("10:10:00"),
    ) == [(40, 0, 0, 0, 0, 0, 0, 40)]
    assert sorted(
        done.rows("select figure, value, samples, started_at from ups_refused where ups = ?", LAB)
    ) == [
        ("battery.charge", 255.0, 40, at("10:10:00")),
        ("battery.runtime", 3932100.0, 40, at("10:10:00")),
        ("battery.voltage", 10000000.0, 40, at("10:10:00")),
        ("ups.load", 562020.0, 40, at("10:10:00")),
        ("ups.temperature", 255.0, 40, at("10:10:00")),
    ]
    assert sorted(done.rows("select figure, value, samples from ups_refused where ups = ?", RACK)) == [
        ("battery.charge", -197.6, 2),
        ("battery.runtime", -1.0, 2),
        ("ups.load", 562020.0, 2),
    ]


def test_hours_are_what_the_samples_that_can_be_sum_up_to(done):
    names = ("battery_charge_max", "ups_load_max", "ups_temperature_max", "watts_max", "battery_voltage_max")
    assert done.hour(LAB, at("10:00:00"), *names) == (100.0, 20.0, None, 180.0, 27.2)
    wh, covered, rule = done.hour(LAB, at("10:00:00"), "wh", "covered_s", "watts_rule")
    assert wh == pytest.approx(180 * 19 * 30 / 3600) and covered == 59 * 30 and rule == "load x nominal W"
    load, watts, low = done.hour(RACK, at("10:00:00"), "ups_load_max", "watts_max", "battery_charge_min")
    assert (load, watts, low) == (20.0, 180.0, 80.0)


def test_the_time_on_battery_is_that_without_mains(done):
    # 3 min of OB TEST at 0 V and 5 min of OB at 0 V; the test of 2 min at 230 V is none
    assert done.hour(RACK, at("10:00:00"), "on_battery_s") == (480.0,)


def test_a_load_beside_0_w_has_its_watts(done):
    assert done.rows("select distinct watts, watts_rule from ups_samples where ups = ?", NOMINAL) == [
        (216.0, "load x nominal W")
    ]
    assert done.hour(NOMINAL, at("10:00:00"), "wh", "watts_avg", "watts_rule") == (
        pytest.approx(216 * 19 * 30 / 3600),
        216.0,
        "load x nominal W",
    )


def test_an_outage_that_was_missed_is_found(done):
    outages = done.rows(
        "select started_at, ended_at, complete, detail from events where ups = ? and event = 'ONBATT' "
        "order by started_at",
        RACK,
    )
    assert outages[1] == (
        at("10:17:00"),
        at("10:20:00"),
        1,
        f"during a self-test; {ups_recompute.FOUND_LATER}",
    )
    figures = done.figures(RACK, at("10:17:00"))
    assert (figures["seconds"], figures["samples"], figures["lowest_charge"]) == (180.0, 6, 95.0)
    assert figures["wh"] == pytest.approx(9.0)
    newest = "select started_at from events where ups = ? and event = 'ONBATT' order by id desc limit 1"
    assert done.one(newest, RACK) == at("10:45:00")  # the highest id is the latest


def test_a_self_test_is_no_outage_any_more(done):
    assert (at("10:30:00"),) not in done.rows("select started_at from events where event = 'ONBATT'")
    figures = json.loads(
        done.one("select figures from events where event = 'TEST' and started_at = ?", at("10:30:00"))
    )
    assert figures["outage_taken_back"] == [at("10:30:00"), at("10:32:00")]
    assert figures["result"] == "Done and passed"


def test_the_figures_of_an_outage_are_those_that_can_be(done):
    figures = done.figures(RACK, at("10:45:00"))
    assert (figures["lowest_charge"], figures["charge_start"], figures["charge_end"]) == (80.0, 100.0, 80.0)
    assert figures["wh"] == pytest.approx(13.5) and figures["watts_avg"] == 180.0
    assert (figures["load_avg"], figures["predicted_runtime_s"]) == (20.0, 1800.0)
    assert (figures["seconds"], figures["covered_s"], figures["samples"]) == (300.0, 300.0, 10)


def test_what_has_no_samples_any_more_is_marked(done):
    names = ("battery_charge_max", "ups_load_avg", "watts_max", "wh", "input_voltage_min")
    assert done.hour(RACK, at("08:00:00"), *names) == (None, None, None, None, 0.0)
    assert done.figures(RACK, at("08:20:00"))["not_recomputed"] == 1
    assert done.figures(RACK, at("08:20:00"))["wh"] == 15.0
    assert done.rows("select * from ups_hours_not_recomputed") == [(RACK, at("08:00:00"))]
    assert done.rows("select sum(not_recomputed) from ups_recomputations") == [(1,)]


def test_what_was_right_is_not_written_again(old):
    old.migrate()
    before = old.rows("select * from ups_samples where ups = ? and sampled_at < ?", RACK, at("10:45:00"))
    hours = old.rows("select * from ups_samples_hourly where ups in (?, ?)", SHED, STUCK)
    early = old.rows("select * from ups_samples_hourly where ups = ? and hour_at = ?", RACK, at("09:00:00"))
    old.close_obsolete()
    old.recompute()
    assert (
        old.rows("select * from ups_samples where ups = ? and sampled_at < ?", RACK, at("10:45:00")) == before
    )
    assert old.rows("select * from ups_samples_hourly where ups in (?, ?)", SHED, STUCK) == hours
    assert (
        old.rows("select * from ups_samples_hourly where ups = ? and hour_at = ?", RACK, at("09:00:00"))
        == early
    )


def test_it_is_done_once(done):
    first = done.dump()
    assert done.rows("select count(*) from ups_recomputations where ended_at is null") == [(0,)]
    done.recompute()
    done.change("update ups_samples set battery_charge = 255 where id = (select max(id) from ups_samples)")
    done.recompute()
    assert done.one("select battery_charge from ups_samples order by id desc limit 1") == 255.0
    done.change("update ups_recomputations set ended_at = null, done_to = ''")
    done.recompute()
    again = done.dump()
    assert again["events"] == first["events"]
    assert again["ups_samples_hourly"] != [] and len(again["ups_refused"]) == len(first["ups_refused"]) + 1


def test_a_new_file_has_nothing_to_recompute(tmp_path):
    migrate(tmp_path / "new.db")
    with closing(connect(tmp_path / "new.db")) as connection:
        assert connection.execute("select count(*) from ups_recomputations").fetchone() == (0,)


# In the middle of it.


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_it_comes_to_the_same(tmp_path, seed, monkeypatch):
    whole, broken = OldFile(tmp_path / "whole.db"), OldFile(tmp_path / "broken.db")
    for one in (whole, broken):
        one.migrate().close_obsolete()
    monkeypatch.setattr(ups_recompute, "HOURS", 1)
    whole.recompute()
    rnd = random.Random(seed)

    def failing(connection):
        if rnd.random() < 0.2:
            raise KeyboardInterrupt
        return transaction(connection)

    monkeypatch.setattr("ingest.db.batches.transaction", failing)
    for _ in range(300):
        try:
            broken.recompute()
            break
        except KeyboardInterrupt:
            continue
    assert broken.rows("select count(*) from ups_recomputations where ended_at is null") == [(0,)]
    for table in ("ups_samples", "ups_samples_hourly"):
        assert broken.dump()[table] == whole.dump()[table]
    kept = """select ups, event, started_at, ended_at, complete, detail, figures from events
    order by ups, started_at"""
    assert broken.rows(kept) == whole.rows(kept)
    refused = "select ups, figure, value, samples from ups_refused order by ups, figure"
    assert broken.rows(refused) == whole.rows(refused)


def test_a_real_kill_and_a_real_start(tmp_path):
    whole, killed = OldFile(tmp_path / "whole.db"), OldFile(tmp_path / "killed.db")
    for one in (whole, killed):
        one.migrate().close_obsolete()
    whole.recompute()
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", RUN, str(killed.path), "2"], cwd=ROOT)
        time.sleep(0.9)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, "-c", RUN, str(killed.path), "0"], cwd=ROOT, check=True)
    assert killed.dump()["ups_samples_hourly"] == whole.dump()["ups_samples_hourly"]
    assert killed.dump()["ups_samples"] == whole.dump()["ups_samples"]


def test_no_transaction_is_long(old):
    old.migrate().close_obsolete()
    assert old.recompute().longest_s < 1.0  # 20 ms on a machine that does nothing else


def test_stopping_ends_it_soon_and_it_goes_on(old):
    old.migrate().close_obsolete()
    recomputer = Recomputer(old.path, "Europe/Rome", {}, rest=1000.0)
    recomputer.start()
    deadline = time.monotonic() + 20
    while not old.one("select coalesce(max(started_at), '') from ups_recomputations"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    recomputer.stop()
    assert not recomputer.is_alive()
    assert old.rows("select count(*) from ups_recomputations where ended_at is null")[0][0] > 0
    old.recompute()
    assert old.rows("select count(*) from ups_recomputations where ended_at is null") == [(0,)]


def test_one_process_at_a_time(old):
    old.migrate().close_obsolete()
    threads = [Recomputer(old.path, "Europe/Rome", {}, rest=0.0) for _ in range(3)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    left = "select count(*) from ups_recomputations where ended_at is null"
    while old.rows(left) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.05)
    for thread in threads:
        thread.stop()
        assert not thread.is_alive()
    assert old.rows(left) == [(0,)]
    assert old.one("select count(*) from events where event = 'ONBATT' and ups = ?", RACK) == 3


# Beside a reader, an import and a prune.


def shift_to_now(old):
    """Move all times so that the last sample of the file is a moment old, to the hour."""
    now = datetime.now(UTC)
    hours = int((now - datetime(2026, 3, 1, 10, 0, tzinfo=UTC)) / timedelta(hours=1))
    shift = f"+{hours} hours"
    form = "%Y-%m-%dT%H:%M:%fZ"
    for table, columns in (
        ("ups_samples", ("sampled_at",)),
        ("ups_samples_hourly", ("hour_at",)),
        ("events", ("started_at", "ended_at")),
        ("ups", ("status_at", "last_sample_at", "first_seen_at")),
    ):
        for column in columns:
            old.change(f"update {table} set {column} = strftime('{form}', {column}, '{shift}')")
    return hours


def test_the_hour_that_a_reader_writes_waits_until_it_is_over(old, monkeypatch):
    shift_to_now(old)
    old.migrate().close_obsolete()
    before = old.dump()["ups_samples_hourly"]
    recomputer = Recomputer(old.path, "Europe/Rome", {}, rest=0.0)
    wait_s = recomputer.recompute()
    assert wait_s is not None and 0 < wait_s <= 3600 + ups_recompute.SETTLED_S
    (current,) = old.rows("select max(hour_at) from ups_samples_hourly")[0]
    assert [row for row in old.dump()["ups_samples_hourly"] if row[1] == current] == [
        row for row in before if row[1] == current
    ]
    monkeypatch.setattr(ups_recompute.time, "time", lambda: parse_utc(current) + 3600 + 301)
    assert recomputer.recompute() is None
    assert old.one("select max(ups_load_max) from ups_samples_hourly") <= 24.0


def test_samples_of_the_present_version_stay_as_they_are(old):
    """The last hour holds some of both; what came after the upgrade is right already."""
    old.migrate()
    old.change("update ups_recomputations set until_at = ?", at("10:40:00"))
    old.change(
        "update ups_samples set watts_rule = 'measured (output.realpower)' where ups = 1 and sampled_at > ?",
        at("10:40:00"),
    )
    kept = old.rows("select * from ups_samples where ups = 1 and sampled_at >= ?", at("10:40:00"))
    old.recompute()
    assert old.rows("select * from ups_samples where ups = 1 and sampled_at >= ?", at("10:40:00")) == kept


def test_samples_that_are_pruned_meanwhile_leave_a_mark(old):
    old.migrate().close_obsolete()
    old.change("delete from ups_samples where ups = ? and sampled_at < ?", LAB, at("10:20:00"))
    old.recompute()
    names = ("ups_load_max", "wh", "ups_temperature_max", "input_voltage_max")
    assert old.hour(LAB, at("10:00:00"), *names) == (None, None, None, 230.0)
    assert (LAB, at("10:00:00")) in old.rows("select * from ups_hours_not_recomputed")
    assert old.one("select count(*) from ups_samples where ups = ? and battery_charge > 100", LAB) == 0


def test_samples_that_an_import_adds_meanwhile_are_not_lost(old, monkeypatch):
    old.migrate().close_obsolete()
    added = []
    write = ups_recompute.store.write_hour

    def write_late(connection, ups, pair, most_w):
        if ups == LAB and not added:
            added.append(pair)
            connection.execute(
                "insert into ups_samples (id, sampled_at, ups, ups_status, input_voltage) "
                "values (-5, ?, ?, 'OL', 231)",
                (at("10:55:00"), ups),
            )
            connection.execute(
                "update ups_samples_hourly set samples = samples + 1, input_voltage_max = 231 where ups = ?",
                (ups,),
            )
        return write(connection, ups, pair, most_w)

    monkeypatch.setattr(ups_recompute.store, "write_hour", write_late)
    old.recompute()
    assert added


def test_a_reader_writes_meanwhile(old):
    old.migrate().close_obsolete()
    stop, slowest = threading.Event(), [0.0]

    def write():
        with closing(connect(old.path)) as connection:
            while not stop.is_set():
                began = time.monotonic()
                with transaction(connection):
                    connection.execute(
                        "update ups set outcome_at = ? where id = 1", (format_utc(time.time()),)
                    )
                slowest[0] = max(slowest[0], time.monotonic() - began)
                time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        old.recompute()
    finally:
        stop.set()
        writer.join()
    assert slowest[0] < 1.0


def test_a_stop_in_a_transaction_is_a_stop(old):
    old.migrate().close_obsolete()
    recomputer = Recomputer(old.path, "Europe/Rome", {}, rest=0.0)
    recomputer.stop()
    with pytest.raises(StoppedError):
        recomputer.recompute()


# Outages and self-tests of other kinds.


@pytest.mark.parametrize(
    ("status", "volts", "is_outage"),
    [
        ("OB DISCHRG CAL", 0.0, True),
        ("OB DISCHRG TIP", 0.0, True),
        ("OB TEST", 6.4, True),  # the rest that an open input shows
        ("ACFAIL", 0.0, True),
        ("OL DISCHRG", 12.0, True),  # whatever it says
        ("OB CAL", 231.0, False),
        ("OB DISCHRG TEST", 229.0, False),
        ("OL TEST", 230.0, False),
        ("OB DISCHRG TEST", None, False),  # not measured: a test may take 15 minutes
        ("OL DISCHRG", 230.0, False),
        ("OL OB", 230.0, False),
    ],
)
def test_which_samples_are_an_outage_that_was_missed(old, status, volts, is_outage):
    old.change("delete from events where ups = ?", RACK)
    old.change("update ups_samples set ups_status = 'OL', input_voltage = 230 where ups = ?", RACK)
    old.change(
        "update ups_samples set ups_status = ?, input_voltage = ? "
        "where ups = ? and sampled_at >= ? and sampled_at < ?",
        status,
        volts,
        RACK,
        at("10:20:00"),
        at("10:26:00"),
    )
    old.migrate().close_obsolete()
    old.recompute()
    found = old.rows("select started_at, ended_at from events where ups = ? and event = 'ONBATT'", RACK)
    assert found == ([(at("10:20:00"), at("10:26:00"))] if is_outage else [])


@pytest.mark.parametrize(
    ("status", "figure", "low_at"),
    [
        ("OB DISCHRG", "battery_charge = 19", "10:47:00"),
        ("OB DISCHRG", "battery_runtime = 179", "10:47:00"),
        ("OB DISCHRG", "battery_charge = 20, battery_runtime = 180", None),
        ("OB DISCHRG LB", "battery_charge = 80", "10:47:00"),
    ],
)
def test_a_low_battery_that_was_missed_is_found_with_its_outage(old, status, figure, low_at):
    old.change("delete from events where ups = ? and event = 'LOWBATT'", RACK)
    for variable, limit in (("battery.charge.low", 20), ("battery.runtime.low", 180)):
        old.change("delete from ups_variables where ups = ? and variable = ?", RACK, variable)
        old.change(
            "insert into ups_variables (ups, variable, value, number, writable, changed_at) "
            "values (?, ?, ?, ?, 0, ?)",
            RACK,
            variable,
            str(limit),
            limit,
            at("08:00:00"),
        )
    old.change(
        f"update ups_samples set ups_status = ?, {figure} "
        "where ups = ? and sampled_at >= ? and sampled_at < ?",
        status,
        RACK,
        at("10:47:00"),
        at("10:50:00"),
    )
    old.migrate().close_obsolete()
    old.recompute()
    found = old.rows(
        "select started_at, ended_at, detail from events where ups = ? and event = 'LOWBATT'", RACK
    )
    assert found == ([(at(low_at), at("10:50:00"), ups_recompute.FOUND_LATER)] if low_at else [])
    figures = old.figures(RACK, at("10:45:00"))
    if status == "OB DISCHRG" and low_at:  # the word was counted by the version before, too
        assert (figures["low_battery"], figures["seconds_to_low"]) == (1, 120.0)


@pytest.mark.parametrize(
    ("volts", "test", "is_test"),
    [
        (229.0, ("10:45:00", "10:50:00"), True),
        (209.0, ("10:44:00", "10:50:30"), True),
        (248.0, ("10:45:30", "10:50:00"), True),  # reported half a minute late
        (248.0, ("10:48:30", "10:50:00"), False),
        (0.0, ("10:45:00", "10:50:00"), False),
        (6.4, ("10:45:00", "10:50:00"), False),
        (None, ("10:45:00", "10:50:00"), False),
        (229.0, ("10:20:00", "10:25:00"), False),
    ],
)
def test_which_outage_was_a_self_test(old, volts, test, is_test):
    old.change("delete from events where event <> 'ONBATT'")
    old.change(
        "update ups_samples set input_voltage = ? "
        "where ups = ? and ups_status like 'OB%' and sampled_at >= ?",
        volts,
        RACK,
        at("10:45:00"),
    )
    old.change(
        "insert into events (event, ups, started_at, ended_at, complete, detail, figures) "
        "values ('TEST', ?, ?, ?, 1, '', '{}')",
        RACK,
        *map(at, test),
    )
    old.migrate().close_obsolete()
    old.recompute()
    found = old.rows("select 1 from events where event = 'ONBATT' and started_at = ?", at("10:45:00"))
    assert (found == []) is is_test


def test_an_outage_over_hours_is_one(old):
    for table in ("events", "ups_samples", "ups_samples_hourly"):
        old.change(f"delete from {table} where ups = ?", RACK)
    midnight = parse_utc(at("00:00:00"))
    old.change_many(
        "insert into ups_samples (ups, sampled_at, ups_status, input_voltage, battery_charge, watts) "
        "values (?, ?, ?, ?, 255, 100)",
        [
            (
                RACK,
                format_utc(midnight + 60 * minute),
                *(("OB TEST", 0) if 100 <= minute < 700 else ("OL", 230)),
            )
            for minute in range(720)
        ],
    )
    told = [0, 1200, *[3600] * 9, 2400]
    for hour, on_battery_s in enumerate(told):
        old.change(
            "insert into ups_samples_hourly "
            "(ups, hour_at, samples, covered_s, on_battery_s, trim_s, boost_s, battery_charge_max) "
            "values (?, ?, 60, 3600, ?, 0, 0, 255)",
            RACK,
            at(f"{hour:02}:00:00"),
            on_battery_s,
        )
    old.migrate().close_obsolete()
    old.recompute()
    assert old.rows("select started_at, ended_at from events where event = 'ONBATT'") == [
        (at("01:40:00"), at("11:40:00"))
    ]
    hours = old.rows(
        "select on_battery_s, battery_charge_max from ups_samples_hourly where ups = ? order by hour_at", RACK
    )
    assert hours == [(on_battery_s, None) for on_battery_s in told]
    assert old.one("select count(battery_charge) from ups_samples where ups = ?", RACK) == 0
