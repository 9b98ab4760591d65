"""Scheduled commands of UPSes: a sink that places their orders when they are due, and finds their results.

Everything it knows stands in `chores` and `ups_orders`, so that a restart goes on with it. A command whose
time has come waits while its UPS is not read or on battery.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

from ingest.clock.belief import read_belief
from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.config.jobs import command_job
from ingest.config.model import Config
from ingest.db.connection import Row, dict_rows
from ingest.db.time import format_utc, parse_utc
from ingest.jobs.due import SCHEDULE, Job
from ingest.jobs.register import begin_job, end_job
from ingest.jobs.runner import RunnerJobs
from ingest.ups.command_results import (
    ACCEPTED,
    NO_RESULT,
    CommandResult,
    describe_result,
    finished_test,
    starts_test,
    unsent_result,
)
from ingest.ups.command_waits import ups_command_state
from ingest.ups.commands import command_label
from ingest.ups.self_test import LONGEST_S, RESULT_TIMEOUT_S

log = logging.getLogger(__name__)

LOOK_S, FOLLOW_S = 10.0, 1.0  # between two looks: at the times of the jobs, at orders under way
SELECT_ORDER = """select o.* from ups_orders o join ups u on u.id = o.ups
where u.name = ? and o.command = ? and o.created_by = ? order by o.id desc limit 1"""
SELECT_TEST = """select ended_at, coalesce((select value from ups_variables v
  where v.ups = e.ups and v.variable = 'ups.test.result'), detail) as result
from events e where ups = ? and event = 'TEST' and started_at >= ? order by id desc limit 1"""
INSERT_EVENT = """insert into events (event, ups, started_at, ended_at, detail, figures)
select ?, id, ?, ?, ?, ? from ups where name = ?"""


class ScheduledOrder(NamedTuple):
    """A command of the config's `schedule:` with its job."""

    job: Job
    ups: str
    command: str


class ScheduledCommands:
    """Sink without items.

    `orders` are those of the UPSes that this process reads, `names` those of the whole config. `look_again()`
    has the orders that were placed sent.
    """

    def __init__(
        self,
        orders: Sequence[ScheduledOrder],
        names: Collection[str],
        look_again: Callable[[], object],
        clock: Clock = SYSTEM_CLOCK,
        stamp: Callable[[], float] = SYSTEM_CLOCK.stamp,
    ) -> None:
        self._orders, self._look_again = orders, look_again
        self._clock, self._stamp = clock, stamp
        self._jobs = RunnerJobs("ingest", [order.job for order in orders], names)
        self._pending: list[Callable[[sqlite3.Connection], None]] = []
        self._next_look = 0.0  # on the monotonic clock
        self._is_believed = False

    def absorb(self, item: object) -> None:
        """There are no items."""

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Look at the register; True where a job begins, ends or has another next run."""
        now = time.monotonic()
        if now < self._next_look and not (changed and self._orders):
            return bool(self._pending)
        self._is_believed = read_belief(connection, self._clock).is_believed
        self._pending = []
        if self._jobs.look(connection, self._clock.read(), self._is_believed):
            self._pending.append(self._jobs.save)
        due = {job.name: by for job, by in self._jobs.due()}
        rows, is_following = self._jobs.rows, False
        for order in self._orders:
            row = rows.get(order.job.name, {})
            if row.get("outcome") == "running":
                is_following = True
                result = self._find_result(connection, order, row)
                if result is not None:
                    self._pending.append(partial(self._finish, order, result, row))
            elif by := due.get(order.job.name):
                self._consider(connection, order, by)
        self._next_look = now + (FOLLOW_S if is_following or due else LOOK_S)
        return bool(self._pending)

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what was decided into the open transaction; returns the topics that changed."""
        for change in self._pending:
            change(connection)
        return {"chores", "events", "ups_orders"} if self._pending else set()

    def committed(self) -> None:
        """Forget what is on disk, and have new orders sent."""
        if self._pending:
            self._pending = []
            self._jobs.saved()
            self._next_look = 0.0
            self._look_again()

    def _consider(self, connection: sqlite3.Connection, order: ScheduledOrder, by: str) -> None:
        """Place the order, unless its UPS is in no state for it: one of a user fails then, with a reason."""
        ups = ups_command_state(connection, order.ups, order.command)
        if ups is None or ups.is_busy:
            return
        if by != SCHEDULE or not ups.waits_for:
            self._pending.append(partial(self._begin, order, by, ups.ups))

    def _begin(self, order: ScheduledOrder, by: str, ups: int, connection: sqlite3.Connection) -> None:
        connection.execute(
            "insert into ups_orders (ups, command, created_by) values (?, ?, ?)",
            (ups, order.command, _sender(order.job, by)),
        )
        begin_job(connection, order.job, by, self._clock.read().wall, self._is_believed)

    def _find_result(
        self, connection: sqlite3.Connection, order: ScheduledOrder, row: Row
    ) -> CommandResult | None:
        """What came of the order of a job that runs; None while that is open."""
        sender = _sender(order.job, row["started_by"])
        placed = dict_rows(connection, SELECT_ORDER, (order.ups, order.command, sender))
        if not placed:
            return unsent_result("failed", "its order is gone")
        if placed[0]["state"] in ("queued", "sent"):
            return None
        if placed[0]["state"] != "done":
            return unsent_result(placed[0]["state"], placed[0]["reason"])
        if not starts_test(order.command):
            return CommandResult(ACCEPTED)
        return self._find_test(connection, placed[0])

    def _find_test(self, connection: sqlite3.Connection, placed: Row) -> CommandResult | None:
        """The result of the self-test that an order started; None while it goes on."""
        found = dict_rows(connection, SELECT_TEST, (placed["ups"], placed["sent_at"]))
        if found and found[0]["ended_at"]:
            return finished_test(found[0]["result"])
        waited_s = self._clock.read().wall - parse_utc(placed["done_at"])
        is_over = waited_s > (LONGEST_S if found else RESULT_TIMEOUT_S)
        return CommandResult(NO_RESULT) if is_over else None

    def _finish(
        self, order: ScheduledOrder, result: CommandResult, begun: Row, connection: sqlite3.Connection
    ) -> None:
        """Store the result; `begun` is the row of the job while it ran."""
        at, job, last = format_utc(self._stamp()), order.job, begun["result"]
        detail = describe_result(job.name, command_label(order.command), result, last)
        figures = {
            "command": order.command,
            "result": result.text,
            "last_result": last,
            "started_at": begun["started_at"],
        }
        connection.execute(INSERT_EVENT, (result.event, at, at, detail, json.dumps(figures), order.ups))
        outcome = "failed" if result.is_failure else "done"
        end_job(connection, job, outcome, result.text, self._clock.read().wall, self._is_believed)
        connection.execute("update chores set result = ? where name = ?", (result.text, job.name))
        log.log(logging.WARNING if result.is_failure else logging.INFO, "%s: %s", order.ups, detail)


def _sender(job: Job, by: str) -> str:
    """Who orders it, as `created_by` of the order has it."""
    return f"schedule {job.name}" if by == SCHEDULE else f"schedule {job.name} for {by}"


def scheduled_commands(
    config: Config, sources: Collection[str], look_again: Callable[[], object]
) -> ScheduledCommands:
    """Return the sink of the config's `schedule:`, for the UPSes of these sources."""
    orders = [
        ScheduledOrder(command_job(one, config.timezone), one.ups, one.command)
        for one in config.schedule
        if one.ups.rpartition("@")[2] in sources
    ]
    return ScheduledCommands(orders, [one.name for one in config.schedule], look_again)
