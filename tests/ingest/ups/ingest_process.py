"""The real ingest process in a folder of its own, and its rows, for the tests of UPSes."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from tests.helpers.new_database import new_database
from tests.ingest.nut.lab import WAIT_S, until

ROOT = Path(__file__).resolve().parent.parent.parent.parent


class IngestProcess:
    """`voltkeeper ingest` on a config. `with IngestProcess(folder, text) as ingest:` ends it by SIGTERM."""

    def __init__(self, folder, config):
        self.folder = Path(folder)
        self.database = self.folder / "t.db"
        self.log = self.folder / "ingest.log"
        (self.folder / "config.yml").write_text(
            "database: t.db\ntimezone: Europe/Rome\ncommit_s: 0.2\n" + config
        )
        self.process = None
        if not self.database.exists():  # test_up has ingest make its file
            new_database(self.database)
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def start(self):
        with self.log.open("a") as log:
            command = [
                sys.executable,
                "-m",
                "voltkeeper",
                "ingest",
                "--config",
                str(self.folder / "config.yml"),
            ]
            self.process = subprocess.Popen(
                command, cwd=ROOT, stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT)}
            )

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def rows(self, sql, *values):
        """Rows as dicts, `figures` read; [] while there is no file."""
        if not self.database.exists():
            return []
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=15)
        connection.row_factory = sqlite3.Row
        try:
            rows = [dict(row) for row in connection.execute(sql, values)]
        except sqlite3.OperationalError:
            return []
        finally:
            connection.close()
        for row in rows:
            if "figures" in row:
                row["figures"] = json.loads(row["figures"])
        return rows

    def events(self, ups, event="%"):
        return self.rows(
            """select e.* from events e join ups u on u.id = e.ups where u.name = ? and e.event like ?
            order by e.id""",
            ups,
            event,
        )

    def samples(self, ups):
        return self.rows(
            "select s.* from ups_samples s join ups u on u.id = s.ups where u.name = ? order by s.id", ups
        )

    def polls(self, ups):
        return self.rows(
            "select p.* from polls p join ups u on u.id = p.ups where u.name = ? order by p.id", ups
        )

    def status(self, source):
        return (self.rows("select * from ingest_status where source = ?", source) or [{}])[0]

    def wait_event(self, ups, event, is_open=True, seconds=WAIT_S):
        """The last event of that kind, once it is open or closed."""

        def last():
            rows = self.events(ups, event)
            return rows[-1] if rows else None

        row = until(last, lambda row: row is not None and (row["ended_at"] is None) == is_open, seconds)
        assert row is not None and (row["ended_at"] is None) == is_open, self.log.read_text()[-3000:]
        return row

    def wait_sample(self, ups, after=0.0, seconds=WAIT_S):
        """The first sample that was taken after a time, unix seconds."""
        rows = until(lambda: [s for s in self.samples(ups) if at(s["sampled_at"]) > after], bool, seconds)
        assert rows, self.log.read_text()[-3000:]
        return rows[0]


def at(text):
    """Unix seconds of a column `*_at`."""
    return datetime.fromisoformat(text).timestamp()


def gaps(samples, start, end):
    """The pauses in s between start, the samples within start..end, and end; unix seconds."""
    times = [start, *(at(s["sampled_at"]) for s in samples if start < at(s["sampled_at"]) < end), end]
    return [later - before for before, later in pairwise(times)]


def now():
    return time.time()
