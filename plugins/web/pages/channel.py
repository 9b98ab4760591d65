"""The page /channels/ID: one channel, its control, its chart, and its readings, which can be marked wrong."""

from typing import NamedTuple

from datasette import Request, Response

from ingest.db.time import parse_utc
from plugins.web.canned import run_query
from plugins.web.forms import whole_number
from plugins.web.pages.controls import QUERIES as CONTROL_QUERIES
from plugins.web.pages.controls import find_controlled
from plugins.web.query import Row, select, select_many
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.charts import ChartSeries, LineChart, LineChartData, Point, draw_lines
from reporting.time_range import TimeRange, parse_time_range

RANGES = ("6 h", "24 h", "7 d", "30 d", "90 d", "1 y")
SHOWN = 100  # readings
CHANNEL = "select * from value_latest where id = ?"
READINGS = f"""select * from readings where channel = :channel and received_at < :before
  and (:wrong = '' or wrong is not null) order by received_at desc, id desc limit {SHOWN + 1}"""


class ChannelCharts(NamedTuple):
    """The chart of a channel, or why there is none; `slow`: the query took too long."""

    chart: LineChart | None
    slow: bool = False


async def channel(datasette: Site, request: Request) -> Response:
    """GET /channels/ID, with `range`; `wrong=1`: readings that do not count alone; `before`: a time."""
    number = whole_number(request.url_vars["id"], digits=12)
    rows = needed(await select(datasette, CHANNEL, [number])) if number is not None else []
    if not rows:
        raise PageError(404, f"No channel {request.url_vars['id']}: the table channels has no such id")
    given = {name: request.args.get(name) or "" for name in ("range", "wrong", "before")}
    try:
        span = parse_time_range({"range": given["range"]}, datasette.timezone)
    except ValueError as error:
        raise PageError(400, str(error)) from None
    readings = await select(
        datasette,
        READINGS,
        {"channel": number, "before": given["before"] or "9", "wrong": given["wrong"] and "1"},
    )
    controls = await select_many(datasette, CONTROL_QUERIES, {"node": rows[0]["node"]})
    context = {
        "channel": rows[0],
        "control": find_controlled(rows[0]["id"], controls),
        "span": span,
        "ranges": RANGES,
        "drawn": await _draw(datasette, rows[0], span),
        "readings": None if readings is None else readings[:SHOWN],
        "older": readings[SHOWN - 1]["received_at"] if readings and len(readings) > SHOWN else "",
        "given": given,
    }
    return await page(datasette, request, "pages/channels/{id}.html", context)


async def _draw(site: Site, channel: Row, span: TimeRange) -> ChannelCharts:
    """The readings that count, or their means by the hour or the day."""
    rows = await run_query(site, "channel_history", channel=str(channel["id"]), range=span.params["range"])
    points = [
        Point(parse_utc(row["at"]), row["value"], row["min"], row["max"])
        for row in reversed(rows or [])
        if row["value"] is not None
    ]
    series = [ChartSeries(channel["type"], points)]
    data = LineChartData(channel["name"], channel["unit"] or "", series, span.since, span.until)
    return ChannelCharts(draw_lines(data, site.timezone), rows is None)
