"""The page /energy: watts now, energy and cost by period, and how much of the time was measured."""

from collections.abc import Sequence

from datasette import Request, Response

from ingest.db.time import format_utc
from plugins.web.canned import run_query
from plugins.web.query import select
from plugins.web.responses import PageError, page
from plugins.web.site import Site
from reporting.bar_charts import Bar, draw_bars
from reporting.energy import EnergyPeriod, by_period, totals
from reporting.formatting import format_figure
from reporting.periods import PERS, check_period_name, parse_duration
from reporting.time_range import parse_time_range

RANGES = {  # per -> ranges offered, the first is the default
    "hour": ("48 h", "24 h", "7 d"),
    "day": ("30 d", "7 d", "90 d"),
    "week": ("13 w", "26 w", "1 y"),
    "month": ("1 y", "2 y", "5 y"),
    "year": ("10 y", "5 y"),
}
NOT_RECOMPUTED = """select count(*) as hours, max(hour_at) as until_at from ups_hours_not_recomputed
where hour_at >= :since and hour_at < :until"""
TARIFFS = """select *, (valid_from is null or valid_from <= local_day(:now))
  and (valid_to is null or valid_to >= local_day(:now)) as in_force from tariffs order by id"""


async def energy(datasette: Site, request: Request) -> Response:
    """GET /energy with `per` and `range`, or `since` and `until`."""
    per = request.args.get("per") or "day"
    try:
        check_period_name(per, PERS)
        span = parse_time_range(request.args, datasette.timezone, RANGES[per][0])
    except ValueError as error:
        raise PageError(400, str(error), "Invalid range") from None
    rows = await run_query(datasette, "energy_by_day", per=per, **span.utc_params)
    upses = await select(datasette, "select * from ups_overview where configured order by id")
    measuring = [
        ups for ups in upses or [] if ups["watts"] is not None and ups["state"] not in ("Stale", "No data")
    ]
    periods = by_period(rows or [])
    context = {
        "upses": upses,
        "per": per,
        "pers": PERS,
        "span": span,
        "ranges": sorted(RANGES[per], key=parse_duration),
        "slow": rows is None,
        "names": list(dict.fromkeys(row["name"] for row in rows or [] if row["ups"] is not None)),
        "periods": periods,
        "totals": totals(rows or []),
        "bars": _draw_periods(periods),
        "watts": sum(ups["watts"] for ups in measuring),
        "measuring": len(measuring),
        "not_recomputed": await select(datasette, NOT_RECOMPUTED, span.utc_params),
        "tariffs": await select(datasette, TARIFFS, {"now": format_utc(span.until)}),
    }
    return await page(datasette, request, "pages/energy.html", context)


def _draw_periods(periods: Sequence[EnergyPeriod]) -> list[Bar]:
    """Bars, the oldest first."""
    kwh = [(one.label, one.site["kwh"]) for one in reversed(periods)]
    return draw_bars([(value, f"{label}: {format_figure(value, 'kWh')}") for label, value in kwh])
