"""Scheduled commands: when their orders are placed, what comes of them, and a self-test by a whole ingest."""

import time
from contextlib import closing

import pytest

from ingest.db.connection import connect, dict_rows, transaction
from ingest.db.time import format_utc
from ingest.demo.ups.upsd import DemoUpsd
from ingest.jobs.due import Job
from ingest.jobs.recurrence import Recurrence
from ingest.jobs.register import pause_job, request_job
from ingest.scheduled_commands import ScheduledCommands, ScheduledOrder
from ingest.ups.command_results import CommandResult, describe_result, finished_test, unsent_result
from ingest.ups.command_waits import ups_command_state
from tests.helpers.due_jobs import have_missed
from tests.helpers.new_database import new_database
from tests.helpers.played_clock import PlayedClock
from tests.ingest.nut.lab import until
from tests.ingest.ups.ingest_process import IngestProcess

QUICK = "test.battery.start.quick"


@pytest.mark.parametrize(
    ("result", "text", "event"),
    [
        (finished_test("Done and passed"), "Done and passed", "SCHEDULED_COMMAND"),
        (finished_test("Done and error"), "failed: Done and error", "SCHEDULED_COMMAND_FAILED"),
        (finished_test("Done and warning"), "warning: Done and warning", "SCHEDULED_COMMAND_FAILED"),
        (finished_test(""), "no result was reported", "SCHEDULED_COMMAND"),
        (unsent_result("failed", "access denied"), "failed: access denied", "SCHEDULED_COMMAND_FAILED"),
        (
            unsent_result("expired", "expired, not sent: no contact"),
            "expired, not sent: no contact",
            "SCHEDULED_COMMAND_FAILED",
        ),
    ],
)
def test_a_result_has_a_text_and_an_event(result, text, event):
    assert (result.text, result.event) == (text, event)


@pytest.mark.parametrize(
    ("last", "detail"),
    [
        ("", "selftest: Done and passed (Start a test)"),
        ("Done and passed", "selftest: Done and passed (Start a test)"),
        ("failed: weak", "selftest: Done and passed; the last time: failed: weak (Start a test)"),
    ],
)
def test_a_result_is_compared_with_the_last_one(last, detail):
    assert describe_result("selftest", "Start a test", CommandResult("Done and passed"), last) == detail


class Scheduled:
    """The sink on a database, driven as the writer does; `rows(sql)` are those of a query."""

    def __init__(self, path, command=QUICK):
        new_database(path)
        self.path, self.clock, self.sent = path, PlayedClock(wall=time.time()), 0
        self.connection = connect(path)
        self.connection.execute(
            "insert into ups (id, name, driver, source, label, outcome) "
            "values (1, 'rack@lab', 'nut', 'lab', 'Rack', 'ok')"
        )
        self.connection.execute(
            "insert into ingest_status (source, kind, address, state, since_at, heartbeat_at) "
            "values ('lab', 'nut', 'tcp', 'connected', '', '')"
        )
        self.job = Job("selftest", "Test", "ingest", Recurrence("month", "10:00", "UTC"), resumes=False)
        self.restart(command)

    def restart(self, command=QUICK):
        order = ScheduledOrder(self.job, "rack@lab", command)
        self.sink = ScheduledCommands([order], ["selftest"], self._look_again, self.clock, self.clock.stamp)
        self.clock.stamp_by(self.clock.read())

    def _look_again(self):
        self.sent += 1

    def look(self):
        if self.sink.poll(self.connection, True):
            with transaction(self.connection):
                self.sink.write(self.connection)
            self.sink.committed()

    def execute(self, sql, *values):
        self.connection.execute(sql, values)

    def rows(self, sql):
        return [tuple(row.values()) for row in dict_rows(self.connection, sql)]

    @property
    def orders(self):
        return self.rows("select command, created_by, state from ups_orders")


@pytest.fixture
def scheduled(tmp_path):
    one = Scheduled(tmp_path / "house.db")
    one.look()
    assert one.orders == []  # a new database has missed nothing
    with closing(one.connection):
        yield one


@pytest.fixture
def missed(scheduled):
    """The machine was off for two months."""
    have_missed(scheduled.path, 62, ["selftest"])
    return scheduled


def test_what_was_missed_is_ordered_once_and_its_result_is_found_after_a_restart(missed):
    for _ in range(3):
        missed.look()
    assert missed.orders == [(QUICK, "schedule selftest", "queued")] and missed.sent
    at = format_utc(time.time())
    missed.execute("update ups_orders set state = 'done', sent_at = ?, done_at = ?", at, at)
    missed.execute("insert into events (event, ups, started_at) values ('TEST', 1, ?)", at)
    missed.restart()
    missed.look()
    assert missed.rows("select outcome from chores") == [("running",)]
    missed.execute("update events set ended_at = ?", at)
    missed.execute(
        "insert into ups_variables (ups, variable, value, changed_at) "
        "values (1, 'ups.test.result', 'Done and passed', ?)",
        at,
    )
    missed.look()
    missed.look()
    assert missed.rows("select event, detail, ended_at > '' from events where event <> 'TEST'") == [
        ("SCHEDULED_COMMAND", "selftest: Done and passed (Start a quick battery test)", 1)
    ]
    assert missed.rows("select outcome, detail, result, next_at > covered_at from chores") == [
        ("done", "Done and passed", "Done and passed", 1)
    ]
    assert missed.rows(
        "select figures ->> 'started_at' = c.started_at from events, chores c where event <> 'TEST'"
    ) == [(1,)]
    assert len(missed.orders) == 1


@pytest.mark.parametrize(
    ("trouble", "mended", "waits_for"),
    [
        ("update ups set outcome = 'stale'", "update ups set outcome = 'ok'", "the UPS to answer"),
        (
            "update ingest_status set state = 'connecting'",
            "update ingest_status set state = 'connected'",
            "the UPS to answer",
        ),
        (
            "insert into events (event, ups, started_at) values ('ONBATT', 1, '2026-01-01T00:00:00.000Z')",
            "update events set ended_at = started_at",
            "the end of the outage",
        ),
        (
            f"insert into ups_orders (ups, command, created_by) values (1, '{QUICK}', 'ann')",
            "delete from ups_orders where created_by = 'ann'",
            "the same command to end",
        ),
    ],
)
def test_it_waits_while_its_ups_is_in_no_state_for_it(missed, trouble, mended, waits_for):
    missed.execute(trouble)
    missed.look()
    assert ups_command_state(missed.connection, "rack@lab", QUICK).waits_for == waits_for
    assert [one for one in missed.orders if one[1] != "ann"] == []
    missed.execute(mended)
    assert ups_command_state(missed.connection, "rack@lab", QUICK).waits_for == ""
    missed.look()
    assert len(missed.orders) == 1


def test_a_pause_and_a_clock_that_is_not_believed_hold_it(missed):
    with transaction(missed.connection):
        pause_job(missed.connection, "selftest", "ann")
    missed.look()
    assert missed.orders == []
    with transaction(missed.connection):
        request_job(missed.connection, "selftest", "ann")
    missed.look()
    assert missed.orders == [(QUICK, "schedule selftest for ann", "queued")]


def test_a_wrong_clock_orders_nothing(scheduled):
    here = scheduled.clock.read()
    scheduled.execute(
        "insert into clock_state (id, boot_id, boottime_s, wall_at, confirmed_by, suspect) "
        "values (1, ?, ?, ?, 'NTP', '')",
        here.boot_id,
        here.boottime,
        format_utc(here.wall),
    )
    scheduled.clock.set_by(400 * 86_400)
    scheduled.look()
    assert scheduled.orders == []


def test_without_a_result_it_ends_after_a_while(missed):
    missed.look()
    at = format_utc(time.time())
    missed.execute("update ups_orders set state = 'done', sent_at = ?, done_at = ?", at, at)
    missed.look()
    assert missed.rows("select outcome from chores") == [("running",)]
    missed.clock.advance(901)
    missed.look()
    assert missed.rows("select outcome, detail from chores") == [("done", "no result was reported")]


CONFIG = """
nut: [{{name: lab, port: {port}, poll_s: 1, status_s: 0.5, ups: [rack],
  command_username: operator, command_password: demo}}]
ups: {{rack@lab: {{commands: [test.battery.start.quick, test.panel.start]}}}}
schedule:
  - {{name: selftest, every: month, ups: rack@lab, command: test.battery.start.quick}}
  - {{name: panel, every: year, ups: rack@lab, command: test.panel.start}}
"""
RESULTS = "select event, detail from events where event like 'SCHEDULED%' order by event"


def test_a_whole_ingest_runs_what_was_missed_and_tells_what_came_of_it(tmp_path):
    new_database(tmp_path / "t.db")
    have_missed(tmp_path / "t.db", 400, ["selftest", "panel"], "ingest")
    began = time.time()
    with (
        DemoUpsd(clock=lambda: began + 5 * (time.time() - began)) as upsd,  # its test takes 3 s
        IngestProcess(tmp_path, CONFIG.format(port=upsd.port)) as ingest,
    ):
        found = until(lambda: ingest.rows(RESULTS), lambda rows: len(rows) == 2, 60)
        details = {row["event"]: row["detail"] for row in found}
        assert details["SCHEDULED_COMMAND"] == "selftest: Done and passed (Start a quick battery test)"
        assert details["SCHEDULED_COMMAND_FAILED"].startswith("panel: failed: ")
        assert upsd.requests.count("INSTCMD rack test.battery.start.quick") == 1
        chores = ingest.rows("select name, outcome, next_at from chores order by name")
        outcomes = {row["name"]: row["outcome"] for row in chores}
        assert outcomes == {"panel": "failed", "selftest": "done"}
        assert all(row["next_at"] > format_utc(time.time()) for row in chores)
        severities = ingest.rows("select event, severity, name from all_events where event like 'SCHEDULED%'")
        assert {(row["event"], row["severity"], row["name"]) for row in severities} == {
            ("SCHEDULED_COMMAND", "OK", "rack@lab"),
            ("SCHEDULED_COMMAND_FAILED", "Warning", "rack@lab"),
        }
