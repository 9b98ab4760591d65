"""The card of sensors: a few values, each with its last 24 hours."""

import time
from collections import Counter

from ingest.db.time import parse_utc
from plugins.web.endpoint import Json
from plugins.web.pages.cards.card import CardError, CardWork
from plugins.web.query import Row, select
from reporting.charts import Point, draw_sparkline
from reporting.sparklines import HALF_HOUR_S
from reporting.state_charts import is_state

SHOWN = 6
DAY_S = 86_400
FIRST = ("V_TEMP", "V_HUM", "V_PRESSURE", "V_LEVEL", "V_LIGHT_LEVEL", "V_WATT", "V_FLOW")
VALUES = "select * from value_latest where last_at is not null and value is not null"
HOURS = """select h.channel, h.hour_at as at, h.avg, h.min, h.max from json_each(:channels) c
  cross join readings_hourly h on h.channel = c.value and h.hour_at >= ago('24 h')
where h.avg is not null and h.wrong is null order by h.channel, h.hour_at"""


def choose(rows: list[Row]) -> list[Row]:
    """The values to show: one of each node before a second one, temperatures first, what was heard lately."""

    def kind(row: Row) -> int:
        return FIRST.index(row["type"]) if row["type"] in FIRST else len(FIRST)

    measured = [row for row in rows if row["unit"] and not is_state(row["type"], row["sensor_type"])]
    seen: Counter[int] = Counter()
    ranks: dict[int, tuple[bool, int, int, int]] = {}
    for row in sorted(measured, key=lambda row: (kind(row), row["id"])):
        ranks[row["id"]] = row["age_s"] > DAY_S, seen[row["node"]], kind(row), row["id"]
        seen[row["node"]] += 1
    return sorted(measured, key=lambda row: ranks[row["id"]])[:SHOWN]


async def sensors(work: CardWork) -> Json:
    """Values with a line of the last 24 hours and their range."""
    rows = await select(work.site, VALUES)
    if rows is None:
        raise CardError("This took too long and was left out.", "/telemetry/value_latest")
    chosen, now = choose(rows), time.time()
    keys = f"[{','.join(str(row['id']) for row in chosen)}]"
    hours = await select(work.site, HOURS, {"channels": keys}) or []
    return {
        "sensors": [_show(row, [one for one in hours if one["channel"] == row["id"]], now) for row in chosen],
        "all": len(rows),
    }


def _show(row: Row, hours: list[Row], now: float) -> Json:
    points = [Point(parse_utc(one["at"]) + HALF_HOUR_S, one["avg"], one["min"], one["max"]) for one in hours]
    low = min((point.low for point in points), default=None)
    high = max((point.high for point in points), default=None)
    text = f"{row['node_name']} in 24 hours"
    return {
        "row": row,
        "href": row["channel_href"],
        "low": low,
        "high": high,
        "line": draw_sparkline(points, now - DAY_S, now, text=text, unit=row["unit"]),
    }
