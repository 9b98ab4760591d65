"""Cards that are made of data: a canned query, the chart of a channel, the chart of a figure of a UPS."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from ingest.config.home import CHANNEL
from ingest.nearest import nearest
from plugins.web.app.sql_workers.wire import QueryAnswer
from plugins.web.canned import queries_of
from plugins.web.endpoint import Json
from plugins.web.pages.behind import (
    Behind,
    channel_limits,
    figure_limits,
    read_outages,
    read_unanswered,
)
from plugins.web.pages.cards.card import CardError, CardKind, CardWork, limit_ms
from plugins.web.pages.channel_states import read_states
from plugins.web.pages.measured import draw_charts
from plugins.web.pages.series import KeptSeries, channel_series, find_series
from plugins.web.pages.view import View
from plugins.web.query import DATABASE, Row, select
from plugins.web.query_charts import draw_query
from plugins.web.saved_queries import run_saved
from reporting.canned_queries import parse_queries
from reporting.charts import Chart
from reporting.sql_functions import check_parameters
from reporting.time_range import TimeRange, parse_time_range

# What a canned query may depend on.
OF_QUERIES = "ups ups_samples nodes channels events ingest_status saved_queries"
ROWS, COLUMNS = 10, 5  # of a query that is shown as a table
MOST_ROWS = 5000
LARGEST = 1e15  # what is larger has no digits of its own
TOO_SLOW = "This took too long and was left out."
CHANNELS = "select * from value_latest where gateway = :gateway and node_id = :node and child_id = :child"
UPSES = "select id, name from ups order by id"
DEFAULT_RANGE = "24h"
LEFT_OUT = frozenset("href ref members id node sensor channel ups event".split())  # columns


async def query(work: CardWork) -> Json:
    """The chart of a canned query, or its first rows."""
    site, name = work.site, work.card.query
    written: Mapping[str, Json] = await site.get_canned_queries(DATABASE, work.request.actor)
    readable = [known for known, one in written.items() if not one.get("write")]
    if name not in readable:
        raise CardError(f"There is no canned query {name!r}: {nearest(name, readable)}")
    if not await site.permission_allowed(work.request.actor, "view-query", (DATABASE, name), default=True):
        raise CardError("Sign in to see this.")
    address = f"/telemetry/{name}"
    given = {**work.card.params, **({"range": work.card.range} if work.card.range else {})}
    if given:
        address += f"?{urlencode(given)}"
    one = parse_queries({name: written[name]})[name]
    params = one.fill(given)
    try:
        check_parameters(one.sql, params, site.timezone)
    except ValueError as error:
        raise CardError(str(error), address) from None
    sql = f"select * from ({one.sql}\n) limit {MOST_ROWS}"
    if written[name].get("saved"):
        rows = _rows_of_saved(await run_saved(site, sql, params, limit_ms(site)), address)
    else:
        rows = _needed(await select(site, sql, params, limit_ms(site)), address)
    columns = list(rows[0]) if rows else []
    chart = await draw_query(site, name, given, columns, [list(row.values()) for row in rows])
    return {
        "title": written[name].get("title") or name,
        "address": address,
        "name": name,
        "filter": urlencode(given),
        "chart": chart,
        "rows": rows[:ROWS],
        "all": len(rows),
        "columns": _shown_columns(columns, rows[:ROWS]),
    }


def _needed(rows: list[Row] | None, address: str) -> list[Row]:
    if rows is None:
        raise CardError(TOO_SLOW, address)
    return rows


def _rows_of_saved(answer: QueryAnswer, address: str) -> list[Row]:
    """The rows of a saved query. Raises CardError."""
    if answer.was_hidden:
        raise CardError("Sign in to see this.", address)
    if answer.error is not None:
        raise CardError(TOO_SLOW if answer.interrupted else f"The query failed: {answer.error}", address)
    return [dict(zip(answer.columns, map(_plain, row), strict=True)) for row in answer.rows]


def _plain(value: object) -> object:
    """A value of SQL that users wrote as cards can show it: numbers that are no figures as texts."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"{value:g}" if isinstance(value, float) and not abs(value) < LARGEST else value


def _shown_columns(columns: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """The first columns that say something in one of these rows."""
    filled = [column for column in columns if any(row[column] not in (None, "") for row in rows)]
    return [column for column in filled if column not in LEFT_OUT][:COLUMNS]


async def channel(work: CardWork) -> Json:
    """The chart of a channel, GATEWAY/NODE_ID/CHILD/TYPE."""
    match = CHANNEL.fullmatch(work.card.channel)
    if match is None:
        raise CardError(f"{work.card.channel!r} is no channel")
    rows = await select(
        work.site, CHANNELS, {"gateway": match[1], "node": int(match[2]), "child": int(match[3])}
    )
    if rows is None:
        raise CardError(TOO_SLOW)
    row = next((row for row in rows if row["type"] == match[4]), None)
    if row is None:
        known = [one["type"] for one in rows]
        hint = nearest(match[4], known) if known else "the node has no such child"
        raise CardError(f"Nothing was heard of the channel {work.card.channel}: {hint}")
    site, series = work.site, channel_series(row)
    span = parse_time_range({"range": work.card.range or DEFAULT_RANGE}, site.timezone)
    states = await read_states(site, row, span)
    chart = states.chart
    if not (states.is_state or states.is_text):
        outages = await read_outages(site, span)
        behind = Behind(outages, states.silent, channel_limits(site, row))
        chart = await _draw(work, series, span, behind)
    return {"title": series.label, "chart": chart, "row": row, **_data(series, span)}


async def figure(work: CardWork) -> Json:
    """The chart of a figure of a UPS."""
    site, name = work.site, work.card.ups
    ids = {row["name"]: row["id"] for row in await select(site, UPSES) or []}
    if name not in ids:
        raise CardError(f"There is no UPS {name!r}: {nearest(name, ids) if ids else 'there is none'}")
    found, _ = await find_series(site, [f"{name}/{work.card.figure}"])
    if not found:
        raise CardError(f"{name} has no series {work.card.figure}", f"/ups/{name}")
    span = parse_time_range({"range": work.card.range or DEFAULT_RANGE}, site.timezone)
    behind = Behind(
        await read_outages(site, span, ids[name]),
        await read_unanswered(site, ids[name], span),
        figure_limits(site, name, found[0].params["figure"], found[0].unit),
        mains=work.card.figure == "input.voltage",
    )
    chart = await _draw(work, found[0], span, behind)
    return {"title": found[0].label, "chart": chart, **_data(found[0], span)}


async def _draw(work: CardWork, series: KeptSeries, span: TimeRange, behind: Behind) -> Chart | None:
    """The line of a series. Raises CardError where it took too long."""
    query = queries_of(work.site)[series.queries.history]
    rows = await select(
        work.site, query.sql, query.fill({**series.params, **span.utc_params}), limit_ms=limit_ms(work.site)
    )
    if rows is None:
        raise CardError(TOO_SLOW, series.href)
    view = View(series.href, span, compare=False, refs=(), page=1)
    width = rows[0]["bucket_s"] if rows else 0
    charts = draw_charts(work.site, series, view, behind, series.queries.read(rows), [], [], width)
    return charts[0] if charts else None


def _data(series: KeptSeries, span: TimeRange) -> Json:
    """What leads to the data of a chart: its page, and the canned query with its parameters."""
    given = {**series.params, "range": span.params["range"]}
    return {
        "href": f"{series.href}?{urlencode({'range': span.params['range']})}",
        "name": series.ref,
        "query": series.queries.history,
        "filter": urlencode(given, safe="@"),
        "span": span,
    }


KINDS = (
    CardKind(*("query", "Canned query", "its chart, or its first rows", query), topics=OF_QUERIES),
    CardKind(
        *("channel", "Channel", "the chart of a sensor's value", channel),
        topics="channels",
        rows="channel_history",
    ),
    CardKind(*("figure", "Figure of a UPS", "its chart", figure), topics="ups_samples", rows="ups_history"),
)
