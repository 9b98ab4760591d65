"""A database with UPSes whose outages and samples a test writes as ingest does, at the time of a clock."""

import json

from ingest.clock.reading import ClockReading
from ingest.clock.stretches import (
    begin_stretch,
    end_stretches,
    newest_ids,
    note_stretch,
    read_present_stretch,
)
from ingest.config.model import read_config
from ingest.db.connection import connect, transaction
from ingest.db.moment import Moment
from ingest.db.time import format_utc, parse_utc
from ingest.ups.registry import insert
from tests.helpers.new_database import new_database

WALL = 1_800_000_000.0


class PlayedMachine:
    """The clocks of a machine: `pass_time`, `set_clock`, `reboot`."""

    def __init__(self, wall=WALL, boottime=1000.0):
        self.wall, self.boottime, self.boots = wall, boottime, 1

    def pass_time(self, seconds):
        self.wall += seconds
        self.boottime += seconds

    def reboot(self, off_s):
        self.wall += off_s
        self.boottime, self.boots = 20.0, self.boots + 1

    def now(self):
        return Moment(f"boot-{self.boots}", self.boottime, self.boottime, self.wall)


class PlanHouse:
    """UPSes of a NUT server `closet` in a new database."""

    def __init__(self, path, names=("rack",), machine=None):
        self.path, self.machine = path, machine or PlayedMachine()
        new_database(path)
        self.connection = connect(path, durable=False)
        self.ids = {}
        for name in names:
            insert(self.connection, f"{name}@closet", "nut", "closet", f"x/{name}", name.title())
            self.ids[name] = self.connection.execute(
                "select id from ups where name = ?", (f"{name}@closet",)
            ).fetchone()[0]
        self.connection.execute("update ups set configured = 1, outcome = 'ok', status_at = 'before'")

    def now(self):
        return self.machine.now()

    def fail(self, name="rack"):
        """Mains fail: an open event; returns its id."""
        now = self.now()
        values = (self.ids[name], format_utc(now.wall), now.boot_id, now.boottime)
        return self.connection.execute(
            """insert into events (event, ups, started_at, boot_id, boottime_s, figures)
            values ('ONBATT', ?, ?, ?, ?, '{}') returning id""",
            values,
        ).fetchone()[0]

    def return_(self, name="rack"):
        """Mains return."""
        now = self.now()
        for id, boot_id, boottime, started in self.connection.execute(
            "select id, boot_id, boottime_s, started_at from events "
            "where ups = ? and ended_at is null and event = 'ONBATT'",
            (self.ids[name],),
        ).fetchall():
            seconds = (
                now.boottime - boottime if boot_id == now.boot_id else max(0.0, now.wall - parse_utc(started))
            )
            self.connection.execute(
                "update events set ended_at = ?, figures = ? where id = ?",
                (format_utc(now.wall), json.dumps({"seconds": round(seconds, 3)}), id),
            )

    def sample(self, charge, runtime, name="rack", status="OB DISCHRG"):
        """A full poll."""
        at = format_utc(self.now().wall)
        self.connection.execute(
            """insert into ups_samples (sampled_at, ups, ups_status, battery_charge, battery_runtime)
            values (?, ?, ?, ?, ?)""",
            (at, self.ids[name], status, charge, runtime),
        )
        self.connection.execute(
            "update ups set outcome = 'ok', status_at = ?, last_sample_at = ? where id = ?",
            (at, at, self.ids[name]),
        )

    def lose(self, name="rack"):
        """The UPS does not answer any more."""
        self.connection.execute("update ups set outcome = 'stale' where id = ?", (self.ids[name],))

    def note_clock(self, confirmed_by=""):
        """Note the clock, as ingest does with its commits."""
        now, present = self.now(), read_present_stretch(self.connection)
        with transaction(self.connection):
            if present is not None and present.boot_id == now.boot_id:
                note_stretch(self.connection, present.id, now.wall, confirmed_by)
                return
            ids = newest_ids(self.connection)
            end_stretches(self.connection, ids)
            begin_stretch(
                self.connection, ClockReading(now.boot_id, now.boottime, now.wall), confirmed_by, ids
            )

    def rows(self, sql, *values):
        return self.connection.execute(sql, values).fetchall()

    def states(self):
        """Step -> its last state, of the newest run."""
        return dict(
            self.rows(
                """select step, state from plan_steps where run = (select max(id) from plan_runs)
                order by attempt, number"""
            )
        )

    def transaction(self):
        return transaction(self.connection)


def make_config(folder, plan, **sections):
    """A Config with this `plan:` for the UPSes rack and desk of a server closet."""
    values = {
        "database": "house.db",
        "timezone": "UTC",
        "gateways": [{"name": "main", "tcp": "127.0.0.1:1"}],
        "nut": [{"name": "closet", "ups": ["rack", "desk"]}],
        "ups": {"rack@closet": {"commands": ["beeper.mute"]}},
        "plan": plan,
        **sections,
    }
    return read_config(values, folder, "test")[0]
