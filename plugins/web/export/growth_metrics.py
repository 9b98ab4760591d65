"""The part of /metrics about the disk of the database, read every ten minutes."""

import sqlite3
import threading
import time

from ingest.config.model import Config
from ingest.maintenance.growth import DiskGrowth, read_growth
from plugins.web.export.metric import Metric
from reporting.canned_queries import is_interrupt

KEPT_S = 600.0  # growth is that of a week: nothing changes within minutes
DAY_S = 86_400


class Growth:
    """The growth of one site's database. Its methods run in threads that read."""

    def __init__(self) -> None:
        self._found: DiskGrowth | None = None
        self._until = 0.0  # monotonic seconds
        self._lock = threading.Lock()

    def read(self, connection: sqlite3.Connection, config: Config) -> DiskGrowth | None:
        """The growth, None where it took too long or the disk cannot be read."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = self._measure(connection, config)
                self._until = time.monotonic() + KEPT_S
            return self._found

    def _measure(self, connection: sqlite3.Connection, config: Config) -> DiskGrowth | None:
        try:
            return read_growth(connection, config.database.parent, config.retention)
        except sqlite3.OperationalError as error:
            if not is_interrupt(error):
                raise
            return None


def growth_metrics(found: DiskGrowth | None) -> list[Metric]:
    """What is free, and after how long it is not; a figure that is not known has no sample."""
    known = [] if found is None else [found]
    return [
        Metric(
            "disk_free_bytes", "Free on the disk of the database.", [({}, float(one.free)) for one in known]
        ),
        Metric(
            "database_growth_bytes_per_day",
            "Growth of the database file in the next 30 days, less what a prune deletes.",
            [({}, round(one.bytes_a_day)) for one in known if one.bytes_a_day is not None],
        ),
        Metric(
            "disk_full_in_seconds",
            "Time until the disk is full at the present growth; no sample while it is over ten years or not "
            "known.",
            [({}, float(one.days_until_full * DAY_S)) for one in known if one.days_until_full is not None],
        ),
    ]
