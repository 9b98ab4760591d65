"""Points of charts from the canned query ups_history. Pure."""

from collections.abc import Iterable, Sequence

from ingest.db.time import parse_utc
from reporting.canned_queries import Row
from reporting.charts import Point


def points_by_ups(rows: Iterable[Row]) -> dict[str, list[Point]]:
    """Name of a UPS -> a point in the middle of each bucket."""
    found: dict[str, list[Point]] = {}
    for row in rows:
        point = Point(parse_utc(row["at"]) + row["bucket_s"] / 2, row["avg"], row["min"], row["max"])
        found.setdefault(row["name"], []).append(point)
    return found


def divided(points: Sequence[Point], divisor: float) -> Sequence[Point]:
    """The points in a unit that is `divisor` times as large, to a tenth of it."""
    if divisor == 1:
        return points
    return [
        Point(one.at, *(round(value / divisor, 1) for value in (one.mean, one.low, one.high)))
        for one in points
    ]
