"""A site without a gateway, imports into it, killed ones too, and the rows that count."""

import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from ingest.config.model import read_config
from ingest.db.connection import connect
from ingest.transfer.import_job import run_import
from ingest.transfer.stream_import import ImportTiming
from tests.helpers.new_database import new_database

ROOT = Path(__file__).parents[3]
TABLES = (
    "gateways",
    "nodes",
    "sensors",
    "channels",
    "messages",
    "readings",
    "readings_hourly",
    "node_daily",
    "battery_levels",
    "ups",
    "ups_samples",
    "ups_samples_hourly",
    "events",
)
KILLED = """
import sys
from ingest.config.model import load_config
from ingest.transfer.import_job import import_file
from ingest.transfer.stream_import import ImportTiming
timing = ImportTiming(chunk=40, rest=15.0)
sys.exit(import_file(load_config(sys.argv[1]), sys.argv[2], timing=timing))
"""


class Between:
    """A progress bar that calls a function after each commit of the import."""

    def __init__(self, call):
        self.call = call

    def __call__(self, **options):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self, number):
        self.call()


class ImportSite:
    """A config, its database and what is in it."""

    def __init__(self, folder, title="Hill house", timing=None, timezone="Europe/Rome"):
        self.timing = timing or ImportTiming()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.database = folder, folder / "telemetry.db"
        self.path = folder / "config.yml"
        self.path.write_text(
            f"title: {title}\ntimezone: {timezone}\ndatabase: telemetry.db\ngateways: "
            f"[{{name: main, tcp: '127.0.0.1:1'}}]\n"
        )
        self.config = read_config(
            {
                "title": title,
                "timezone": timezone,
                "database": str(self.database),
                "gateways": [{"name": "main", "tcp": "127.0.0.1:1"}],
            },
            folder,
            "test",
        )[0]
        new_database(self.database)

    def take(self, path, **options):
        """Import a file; the outcomes by name."""
        _, outcomes = run_import(self.config, path, timing=self.timing, **options)
        return {outcome.what: outcome for outcome in outcomes}

    def rows(self, sql, *parameters):
        with closing(connect(self.database, readonly=True)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def one(self, sql, *parameters):
        return self.rows(sql, *parameters)[0][0]

    def dump(self):
        """Every row that an import makes, by table."""
        return {table: self.rows(f"select * from {table}") for table in TABLES}

    def take_killed(self, path, table, kills, seed=1):
        """Import with `kill -9` at random moments, then to the end.

        Returns how many rows `table` had after each kill.
        """
        rnd = random.Random(seed)
        counts = [self.begin_killed(path, table, rnd.uniform(0, 0.2)) for _ in range(kills)]
        subprocess.run(self._slowly(path), cwd=ROOT, stdout=subprocess.DEVNULL, check=True, timeout=200)
        return counts

    def begin_killed(self, path, table, after_s=0.0):
        """Import and `kill -9` this long after the first rows of it stand in `table`.

        Returns how many it has then.
        """
        count = f"select count(*) from {table}"
        before = self.one(count)
        process = subprocess.Popen(self._slowly(path), cwd=ROOT, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 150
        while process.poll() is None and self.one(count) == before:
            assert time.monotonic() < until, f"no row in {table} within 150 s"
            time.sleep(0.01)
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        return self.one(count)

    def _slowly(self, path):
        return [sys.executable, "-c", KILLED, str(self.path), str(path)]
