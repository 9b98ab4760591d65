"""The pages /ups and /ups/NAME: the UPSes side by side and one by one."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from datasette import Request, Response

from ingest.schema.sql_fragments import NOW, seconds_between
from ingest.ups.settings import NO_SETTINGS
from plugins.web.canned import run_query
from plugins.web.endpoint import Json
from plugins.web.pages.nodes import count_values
from plugins.web.pages.row_choice import RowChoice
from plugins.web.pages.settings import UPS_SETTINGS, show_ups_settings
from plugins.web.pages.ups_charts import draw_charts, draw_compared, draw_series
from plugins.web.pages.ups_choice import FACETS, SORTS, choose_upses
from plugins.web.pages.ups_order_forms import order_forms
from plugins.web.pages.ups_outlets import outlets
from plugins.web.pages.ups_series import figure_page, plan_series, series_names
from plugins.web.pages.ups_variables import compared_as_shown, counted_texts, numbers_in, show_variables
from plugins.web.query import Row, select, select_many
from plugins.web.render.address import address_of
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.gauges import input_gauge, load_gauge, runtime_gauge
from reporting.outage_story import Carried, OwnOutage, carried, own_outages
from reporting.power_flow import flow_of, is_heard, mains_of
from reporting.time_range import TimeRange, parse_time_range
from reporting.ups_answer import describe_battery, describe_ups, describe_upses, power_in
from reporting.ups_comparison import comparison_sql
from reporting.ups_forecast import check_watts
from reporting.ups_forecast_text import forecast_texts

RANGES = ("1 h", "24 h", "7 d", "30 d", "1 y")
OUTAGES, EVENTS, RECORDS = 20, 100, 10  # rows that the page of a UPS reads
MOST_AT_ONCE = 6  # UPSes that need no search, order or filter
UPS_QUERIES = {
    "page_settings": UPS_SETTINGS,
    "outages": f"select * from outages where ups = :ups order by id desc limit {OUTAGES}",
    "events": f"select * from ups_events where ups = :ups order by id desc limit {EVENTS}",
    "totals": f"""select count(*) as outages,
        total({seconds_between("started_at", f"coalesce(ended_at, {NOW})")}) as seconds
      from events indexed by events_ups where ups = :ups and event = 'ONBATT'""",
    "count": "select count(*) as upses from ups where configured or id = :ups",
    "tests": f"""select * from ups_events where ups = :ups and event = 'TEST'
      order by id desc limit {RECORDS}""",
    "battery_changes": f"""select * from ups_battery_changes where ups = :ups
      order by changed_at desc limit {RECORDS}""",
    "settings": f"select * from ups_variable_changes where ups = :ups order by id desc limit {RECORDS}",
    "variables": "select * from ups_variables where ups = :ups",
    "conditions": "select * from ups_conditions where ups = :ups order by rank, since_at is null, since_at",
    "oddities": "select * from oddities where ups = :ups order by variable",
    "watched": """select u.clients_at, c.* from ups u left join ups_clients c on c.ups = u.id
      where u.id = :ups order by c.address""",
}
COMPARE_ALL = {"variable": "", "differing": ""}  # parameters of comparison_sql

NOT_RECOMPUTED = """select max(hour_at) as until_at from ups_hours_not_recomputed where ups = :ups"""


async def side_by_side(datasette: Site, request: Request) -> Response:
    """GET /ups"""
    span = _read_range(datasette, request)
    rows = await select(datasette, "select * from ups_overview order by id")
    upses = [row for row in rows or [] if row["configured"]]
    choice = choose_upses(upses, {name: request.args[name] for name in request.args})
    shown = choice.shown
    context = {
        "upses": None if rows is None else upses,
        **_answer(upses),
        **_describe_choice(choice, upses, span),
        "gone": [row for row in rows or [] if not row["configured"]],
        "compared": await _compare(datasette, shown),
        "names": [row["name"] for row in shown],
        "charts": await draw_compared(
            datasette, shown, {ups["id"]: place for place, ups in enumerate(upses, 1)}, span
        ),
        "span": span,
        "ranges": RANGES,
    }
    return await page(datasette, request, "pages/ups.html", context)


def _answer(upses: Sequence[Row]) -> Json:
    """What all UPSes do together: a sentence, their mains, their watts, how many report no runtime."""
    watts = [ups["watts"] for ups in upses if ups["watts"] is not None and is_heard(ups)]
    return {
        "answer": describe_upses(upses) if upses else "",
        "mains": mains_of(upses),
        "watts": {"sum": sum(watts), "count": len(watts)} if watts else None,
        "no_runtime": sum(ups["battery_runtime"] is None for ups in upses),
    }


async def _compare(site: Site, upses: Sequence[Row]) -> list[Row] | None:
    if not upses:
        return []
    comparison = comparison_sql([(ups["id"], ups["name"]) for ups in upses])
    rows = await select(site, comparison, COMPARE_ALL)
    return rows and compared_as_shown(rows, site.config.variables)


def _describe_choice(choice: RowChoice, upses: Sequence[Row], span: TimeRange) -> Json:
    """What the page shows of the choice, and the addresses and forms for another one."""
    return {
        "choice": choice,
        "shown": choice.shown,
        "few": MOST_AT_ONCE,
        "facets": {name: count_values(upses, name) for name in FACETS} if len(upses) > MOST_AT_ONCE else {},
        "sorts": {name: words for name, (words, _) in SORTS.items()},
        "address": address_of("/ups", {**choice.kept, **span.params}),
    }


async def one(datasette: Site, request: Request) -> Response:
    """GET /ups/NAME"""
    name = unquote(request.url_vars["name"])
    ups = await _find_ups(datasette, name)
    span, watts = _read_range(datasette, request), _read_watts(request)
    found = await select_many(datasette, UPS_QUERIES, {"ups": ups["id"]})
    variables = found["variables"] or []
    settings = datasette.config.variables_of(name)
    texts = counted_texts(variables, settings)
    numbers, labels = numbers_in(texts), {key: own.label for key, own in settings.items() if own.label}
    offered = await order_forms(datasette, ups, variables)
    series, undrawn = plan_series(await series_names(datasette, ups["id"]), labels)
    charts = await draw_charts(datasette, ups, numbers, span)
    context = found | {
        "ups": ups,
        **await _past(datasette, ups, found),
        **await _ahead(datasette, ups, watts),
        **_present(datasette, ups, texts, numbers, found["outages"] or []),
        "not_recomputed": await select(datasette, NOT_RECOMPUTED, {"ups": ups["id"]}),
        "span": span,
        "ranges": RANGES,
        "newest_change": max((row["changed_at"] for row in variables), default=None),
        "variables_shown": show_variables(variables, settings),
        "charts": charts + await draw_series(datasette, ups, series, span),
        "undrawn": [(key, figure_page(name, key)) for key in undrawn],
        "outlets": await outlets(datasette, ups["id"], texts, labels, offered["commands"] if offered else []),
        "coverage": await run_query(datasette, "monitoring_coverage", ups=name, range="1 d"),
        "number": numbers,
        "offered": offered,
        "page_settings": show_ups_settings(
            ups, found["page_settings"] or [], datasette.config.ups.get(name, NO_SETTINGS)
        ),
    }
    return await page(datasette, request, "pages/ups/{name}.html", context)


async def _past(site: Site, ups: Row, found: Mapping[str, list[Row] | None]) -> Json:
    """The outages of the UPS, its other events, and what they show of its battery."""
    outages, events = own_outages(found["outages"] or [], found["events"] or [])
    health = await run_query(site, "battery_health", ups=ups["name"])
    watts = health[0]["at_watts"] if health else None
    tests = found["tests"]
    return {
        "outages": None if found["outages"] is None else outages,
        "events": None if found["events"] is None else events,
        "carried": _carried(outages, ups["battery_changed_at"] or "", watts),
        "tests": tests and [test | {"figures": json.loads(test["figures"])} for test in tests],
        "health": health and health[0],
    }


async def _ahead(site: Site, ups: Row, watts: str) -> Json:
    """What its discharges show of the battery ahead; `watts` is the load that was asked for, or empty."""
    rows = await run_query(site, "ups_battery_forecast", ups=ups["name"], watts=watts)
    return {"forecast": rows and forecast_texts(rows[0]), "asked_watts": watts}


def _carried(outages: Sequence[OwnOutage], since: str, watts: float | None) -> list[Carried]:
    """The discharges of the present battery that show what it can do, newest first."""
    found = [carried(one.row, watts) for one in outages if one.row["started_at"] >= since]
    return [one for one in found if one]


def _present(
    site: Site,
    ups: Row,
    texts: Mapping[str, str],
    numbers: Mapping[str, float | None],
    outages: Sequence[Row],
) -> Json:
    """What the UPS does now: the answer, the flow through it, and its gauges."""
    flow, limits = flow_of(ups), site.config.ups.get(ups["name"], NO_SETTINGS).limits
    began = next((one["charge_start"] for one in outages if one["ended_at"] is None), None)
    return {
        "answer": describe_ups(ups),
        "flow": flow,
        "battery_text": describe_battery(ups, flow.feed, texts.get("battery.charger.status", ""), began),
        "fed": power_in(ups, flow.feed, numbers.get("input.realpower")),
        "gauges": [
            runtime_gauge(ups, numbers, flow.tone),
            load_gauge(ups, limits),
            input_gauge(ups, numbers, limits, flow.mains),
        ],
    }


def _read_range(site: Site, request: Request) -> TimeRange:
    try:
        return parse_time_range(request.args, site.timezone)
    except ValueError as error:
        raise PageError(400, str(error), "Invalid range") from None


def _read_watts(request: Request) -> str:
    """The load in W that the runtime is asked for, empty where there is none. Raises PageError."""
    watts: str = (request.args.get("watts") or "").strip()
    if watts:
        try:
            check_watts(watts)
        except ValueError as error:
            raise PageError(400, str(error), "Invalid load") from None
    return watts


async def _find_ups(site: Site, name: str) -> Row:
    """The row of ups_overview. Raises PageError."""
    rows = needed(await select(site, "select * from ups_overview order by id"))
    upses = {row["name"]: row for row in rows}
    if name not in upses:
        there_are = f"There are: {', '.join(upses)}." if upses else "None was configured yet."
        raise PageError(404, f"No UPS {name}. {there_are}")
    return upses[name]
