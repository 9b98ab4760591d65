"""Watts of each UPS over the last day, for the wide chart and the tile; kept until another bucket ends."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from ingest.db.time import format_utc, parse_utc
from plugins.web.canned import run_query
from plugins.web.query import Row
from plugins.web.site import Site

DAY_S, HOUR_S = 86_400, 3600
KEY = "house_power"  # in the cache of the site


class HousePower(NamedTuple):
    """Rows of the canned query house_power between two unix times."""

    rows: list[Row]
    since: float
    until: float

    @property
    def bucket_s(self) -> int:
        """Seconds of a bucket."""
        return self.rows[0]["bucket_s"] if self.rows else 0

    def sums(self) -> list[tuple[float, float]]:
        """(unix time, watts) of all UPSes together, of the buckets in which none of them is missing."""
        found: dict[str, list[float]] = {}
        for row in self.rows:
            found.setdefault(row["at"], []).append(row["watts"])
        most = max(map(len, found.values()), default=0)
        return [
            (parse_utc(at) + self.bucket_s / 2, sum(watts))
            for at, watts in found.items()
            if len(watts) == most
        ]


async def house_power(site: Site, recorded_from: str | None) -> HousePower | None:
    """The last 24 hours, or as many as there are, up to the last whole bucket; None: it took too long."""
    now = time.time()
    kept: tuple[float, HousePower] | None = site.cache.get(KEY)
    if kept and now < kept[0]:
        return kept[1]
    span = min(DAY_S, max(HOUR_S, now - parse_utc(recorded_from))) if recorded_from else DAY_S
    rows = await run_query(site, "house_power", since=format_utc(now - span), until=format_utc(now))
    if rows is None:
        return None
    width = rows[0]["bucket_s"] if rows else 60
    until = now // width * width
    power = HousePower(_whole(rows, until), max(now - span, 0), until)
    if rows:  # the first sample is shown at once
        site.cache[KEY] = (until + width, power)
    return power


def _whole(rows: Sequence[Row], until: float) -> list[Row]:
    end = format_utc(until)
    return [row for row in rows if row["at"] < end]
