"""What is known of an outage that began before this boot: how long it lasts, and whether the clock is right.

A machine without a clock of its own goes on with the time of its last shutdown: by that, an outage would be
younger than it is. By CLOCK_BOOTTIME of each boot it is known how long it lasted at least: only how long the
machine was off is known by the wall clock alone.
"""

import sqlite3

from ingest.clock.stretches import Stretch, read_stretches
from ingest.db.time import parse_utc
from outbound.plan.situation import EarlierBoots

SAMPLE = "select sampled_at from ups_samples where id between ? and ? order by id desc limit 1"


def earlier_boots(
    connection: sqlite3.Connection, boot_id: str, boottime: float, present_boot: str
) -> EarlierBoots:
    """How long it has lasted in the boots before the present one, of an event that began in boot `boot_id`.

    It goes on, so that it lasted whenever the machine ran. `boottime` is CLOCK_BOOTTIME of its start.
    """
    last: dict[str, Stretch] = {}
    confirmed: dict[str, str | None] = {}
    for stretch in read_stretches(connection):
        last[stretch.boot_id] = stretch
        confirmed[stretch.boot_id] = stretch.confirmed_by
    ends = {boot: _last_seen(connection, stretch) for boot, stretch in last.items() if boot != present_boot}
    begun = last[boot_id].id if boot_id in last else float("inf")
    seconds = max(0.0, ends.get(boot_id, boottime) - boottime)
    seconds += sum(max(0.0, end) for boot, end in ends.items() if last[boot].id > begun)
    present = confirmed.get(present_boot, "")  # ingest notes it with its first commit
    return EarlierBoots(seconds, present is not None, bool(present and confirmed.get(boot_id)))


def _last_seen(connection: sqlite3.Connection, stretch: Stretch) -> float:
    """CLOCK_BOOTTIME until which a boot lasted at least: the last note of its clock, or the last sample."""
    until = stretch.until
    ids = stretch.last_ids
    if ids is not None:
        range_ = (stretch.first_ids.get("ups_samples", 1), ids.get("ups_samples", 0))
        row = connection.execute(SAMPLE, range_).fetchone()
        until = max(until, parse_utc(row[0])) if row is not None and stretch.shifted is None else until
    return until - stretch.offset
