"""A database that a site has known for some days, so that its jobs are due."""

import time
from contextlib import closing

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc


def have_missed(path, days=8, names=("prune", "measure", "backup", "quick_check"), runner="site"):
    """The machine was off for so many days."""
    covered = format_utc(time.time() - days * 86_400)
    with closing(connect(path)) as connection, transaction(connection):
        connection.executemany(
            "insert into chores (name, covered_at, runner) values (?, ?, ?) "
            "on conflict (name) do update set covered_at = excluded.covered_at",
            [(name, covered, runner) for name in names],
        )
