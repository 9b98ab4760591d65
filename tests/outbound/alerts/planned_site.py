"""A database with UPSes and a planner over it, in a time that the test plays."""

import json

from ingest.config.alerts import Alerts, AlertTarget
from ingest.db.connection import connect, transaction
from ingest.db.moment import Moment
from ingest.db.time import format_utc
from outbound.alerts import store
from outbound.alerts.messages import AlertSite
from outbound.alerts.plan import save_plan
from outbound.alerts.planner import AlertPlanner
from tests.helpers.new_database import new_database

NOON = 1_764_504_000.0  # 2025-11-30 12:00 UTC
PHONE = AlertTarget("phone", url="json://127.0.0.1:1/")
MAIL = AlertTarget("mail", mail=("owner@example.org",))


class PlannedSite:
    """`site.wait(seconds)` lets time pass and plans; times of rows are those of the played wall clock."""

    def __init__(self, path, alerts=None, upses=2, started=True):
        self.connection = connect(new_database(path))
        self.alerts = alerts or Alerts(targets=(PHONE,))
        self.boottime, self.wall, self.boot = 1000.0, NOON, "boot 1"
        self.connection.executemany(
            "insert into ups (id, name, driver, source, label) values (?, ?, 'nut', 'closet', ?)",
            [(number, f"u{number}@closet", f"U{number}") for number in range(1, upses + 1)],
        )
        if started:
            self.restart()
            self.wait(0)

    @property
    def now(self):
        return Moment(self.boot, self.boottime, self.boottime, self.wall)

    def restart(self, alerts=None):
        """Another process goes on."""
        self.alerts = alerts or self.alerts
        self.planner = AlertPlanner(self.alerts, AlertSite("http://site", "UTC"))
        self.planner.start(self.connection, self.now)

    def wait(self, seconds, every=0.5):
        """Let so much time pass, and plan every now and then."""
        until = self.boottime + seconds
        while True:
            plan = self.planner.step(self.connection, self.now, True)
            with transaction(self.connection):
                save_plan(self.connection, plan)
            self.planner.stored(True)
            if self.boottime >= until:
                return
            self.pass_by(min(every, until - self.boottime))

    def pass_by(self, seconds):
        """Let time pass without a process."""
        self.boottime += seconds
        self.wall += seconds

    def begin(self, ups=1, event="ONBATT", ended_at=None, started_at=None, id=None, figures=None):
        """An event begins now; returns its id."""
        self._stamp()
        return self.connection.execute(
            "insert into events (id, event, ups, started_at, ended_at, figures) "
            "values (?, ?, ?, ?, ?, ?) returning id",
            (
                *(id, event, ups, format_utc(started_at or self.wall)),
                *(ended_at and format_utc(ended_at), json.dumps(figures or {})),
            ),
        ).fetchone()[0]

    def end(self, event):
        """It ends now."""
        self._stamp()
        self.connection.execute("update events set ended_at = ? where id = ?", (format_utc(self.wall), event))

    def _stamp(self):
        """Let the changes of events that follow bear the played time."""
        self.connection.execute("drop trigger if exists temp.stamp_changes")
        self.connection.execute(
            "create temp trigger stamp_changes after insert on main.event_changes begin "
            f"update event_changes set at = '{format_utc(self.wall)}' where seq = new.seq; end"
        )

    def sent(self, *ids):
        """Mark deliveries as sent, all that wait by default."""
        where = f"id in ({', '.join(map(str, ids))})" if ids else "state = 'queued'"
        self.connection.execute(
            f"update deliveries set state = 'sent', sent_at = '{format_utc(self.wall)}' where {where}"
        )

    def rows(self, *columns, where="1"):
        """These columns of all deliveries, a tuple each; the values themselves of a single one."""
        found = self.connection.execute(
            f"select {', '.join(columns)} from deliveries where {where} order by id"
        )
        return [row[0] if len(columns) == 1 else row for row in found]

    def pending(self):
        """The events that are on their way."""
        return [row.event for row in store.read_pending(self.connection)]
