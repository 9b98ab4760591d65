"""The table `changes`: a counter per topic, raised with every commit that touches its rows."""

import sqlite3
import time
from collections.abc import Iterable

from ingest.db.time import format_utc

RAISE = """insert into changes (topic, seq, at) values (?, 1, ?)
on conflict (topic) do update set seq = seq + 1, at = excluded.at"""


def raise_topics(connection: sqlite3.Connection, topics: Iterable[str], at: float | None = None) -> None:
    """Count these topics up inside the open transaction, each once. `at` is unix seconds; default: now."""
    changed_at = format_utc(time.time() if at is None else at)
    connection.executemany(RAISE, [(topic, changed_at) for topic in sorted(set(topics))])
