"""The page /energy: watts now, energy and cost per period, what of it was measured."""

from ingest.db.time import format_utc
from plugins.web.pages.history import read_span, run
from plugins.web.pages.ups import wrong
from plugins.web.query import select
from plugins.web.responses import page
from reporting.charts import bars
from reporting.formatting import format_figure
from reporting.periods import PERS
from reporting.sql_functions import parse_span

RANGES = {  # per -> ranges offered, the first is usual
    "hour": (("48 h", "48 h"), ("24 h", "24 h"), ("7 d", "7 d")),
    "day": (("30 d", "30 d"), ("7 d", "7 d"), ("90 d", "90 d")),
    "week": (("13 w", "13 w"), ("26 w", "26 w"), ("1 y", "1 y")),
    "month": (("1 y", "1 y"), ("2 y", "2 y"), ("5 y", "5 y")),
    "year": (("10 y", "10 y"), ("5 y", "5 y")),
}


async def energy(datasette, request):
    """GET /energy with `per` and `range`, or `since` and `until`."""
    per = request.args.get("per") or "day"
    try:
        if per not in PERS:
            raise ValueError(f"{per!r} is no period: {', '.join(PERS)}")
        span = read_span(request, datasette.timezone, RANGES[per][0][0])
    except ValueError as error:
        return await wrong(datasette, request, "Not a range", str(error), 400)
    rows = await run(
        datasette,
        "energy_by_day",
        {"per": per, "since": format_utc(span.since), "until": format_utc(span.until)},
    )
    upses = await select(datasette, "select * from ups_overview where configured order by id")
    periods = by_period(rows or [])
    context = {
        "upses": upses,
        "per": per,
        "pers": PERS,
        "span": span,
        "ranges": sorted(RANGES[per], key=lambda one: parse_span(one[0])),
        "slow": rows is None,
        "names": list(dict.fromkeys(row["name"] for row in rows or [] if row["ups"] is not None)),
        "periods": periods,
        "totals": totals(rows or []),
        "bars": bars(
            [
                (
                    one["period"],
                    one["house"]["kwh"],
                    f"{one['period']}: {format_figure(one['house']['kwh'], 'kWh')}",
                )
                for one in reversed(periods)
            ]
        ),
        "watts": sum(ups["watts"] or 0 for ups in upses or [] if ups["state"] not in ("Stale", "No data")),
        "counted": sum(
            ups["watts"] is not None and ups["state"] not in ("Stale", "No data") for ups in upses or []
        ),
        "tariffs": await select(
            datasette,
            """select *, (valid_from is null or valid_from <= local_day(:now)) and (valid_to is null or valid_to >= local_day(:now))
            as in_force from tariffs order by id""",
            {"now": format_utc(span.until)},
        ),
    }
    return await page(datasette, request, "pages/energy.html", context)


def by_period(rows):
    """Rows of energy_by_day as one for each period, newest first: `ups` name -> row, `house`."""
    found = {}
    for row in rows:
        one = found.setdefault(row["starts_at"], {"period": row["period"], "ups": {}, "house": None})
        if row["ups"] is None:
            one["house"] = row
        else:
            one["ups"][row["name"]] = row
    return list(found.values())


def totals(rows):
    """Name (`House` too) -> kWh, cost, currency and seconds seen and not seen in all periods."""
    found = {}
    for row in rows:
        own = found.setdefault(
            row["name"], {"kwh": None, "cost": None, "currency": None, "covered_s": 0, "uncovered_s": 0}
        )
        for figure in ("kwh", "cost"):
            if row[figure] is not None:
                own[figure] = (own[figure] or 0) + row[figure]
        if row["currency"] is not None:
            own["currency"] = row["currency"] if own["currency"] in (None, row["currency"]) else "several"
        own["covered_s"] += row["covered_s"] or 0
        own["uncovered_s"] += row["uncovered_s"] or 0
    for own in found.values():
        span = own["covered_s"] + own["uncovered_s"]
        own["coverage"] = round(100 * own["covered_s"] / span, 1) if span else None
        if own["currency"] == "several":
            own["cost"] = None
    return found
