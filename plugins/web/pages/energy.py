"""The page /energy: kWh and cost of a period against the one before, where it went, what was measured."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from datasette import Request, Response

from ingest.db.time import format_utc
from plugins.web.canned import run_query
from plugins.web.query import Row, select_many
from plugins.web.responses import PageError, page
from plugins.web.site import Site
from reporting.charts import BarChart
from reporting.energy import HOUSE, SEVERAL, EnergyTotal, by_period, totals
from reporting.energy_period import (
    EnergyComparison,
    EnergySteps,
    after,
    before,
    compare,
    describe_gap,
    draw_steps,
    draw_usual_day,
    greatest_gaps,
    greatest_step,
    measured_runs,
    name_period,
    same_part,
    shares_of,
    step_of,
    steps_of,
    usual_since,
)
from reporting.periods import local_periods, parse_duration
from reporting.report_period import CUSTOM, MOST_YEARS, PERIODS, YEAR_S, Period, parse_period

UNITS = ("kwh", "money")
QUERIES = {
    "upses": "select * from ups_overview where configured order by id",
    "labels": "select id, name, coalesce(nullif(label, ''), name) as label from ups order by id",
    "not_recomputed": """select count(*) as hours, max(hour_at) as until_at from ups_hours_not_recomputed
      where hour_at >= :since and hour_at < :until""",
    "tariffs": """select *, (valid_from is null or valid_from <= local_day(:now))
      and (valid_to is null or valid_to >= local_day(:now)) as in_force from tariffs order by id""",
}


class EnergyView(NamedTuple):
    """What the canned queries say of the period: None where one took too long."""

    rows: list[Row] | None
    earlier: list[Row] | None
    hours: list[Row] | None
    comparison: EnergyComparison | None


async def energy(datasette: Site, request: Request) -> Response:
    """GET /energy with `period` and `of`, or `since` and `until`; `unit` is kwh or money."""
    now = time.time()
    period, unit = _asked(request.args, datasette.timezone, now)
    utc = {"since": format_utc(period.since), "until": format_utc(period.until)}
    found = await select_many(datasette, QUERIES, {**utc, "now": format_utc(now)})
    labels = {row["name"]: row["label"] for row in found["labels"] or []}
    measuring = [
        ups
        for ups in found["upses"] or []
        if ups["watts"] is not None and ups["state"] not in ("Stale", "No data")
    ]
    earlier = before(period, now)
    view = await _read(datasette, period, earlier, len(found["upses"] or []))
    context = {
        **found,
        "labels": labels,
        "numbers": {name: number for number, name in enumerate(labels, 1)},
        "period": period,
        "pers": PERIODS,
        "custom": period.per == CUSTOM,
        "said": name_period(period, now),
        "earlier": earlier,
        "earlier_said": _said_before(earlier, now),
        "later": after(period, now),
        "address": lambda other: _address(other, unit),
        "unit": unit,
        "unit_address": lambda other: _address(period, other),
        "watts": sum(ups["watts"] for ups in measuring),
        "newest": max((ups["sampled_at"] for ups in measuring), default=None),
        "measuring": len(measuring),
        "slow": view.rows is None,
        "hours_slow": view.hours is None,
        "usual_query": period._replace(since=usual_since(period)).params,
        "query": {"per": step_of(period), **period.params},
        **_figures(view, period, earlier, labels, unit, now),
    }
    return await page(datasette, request, "pages/energy.html", context)


def _asked(given: Mapping[str, str], timezone: str, now: float) -> tuple[Period, str]:
    """The period and the unit that the address means. Raises PageError."""
    asked = {name: given.get(name) or "" for name in ("period", "of", "since", "until")}
    try:
        if given.get("range") and not asked["since"]:
            asked["since"] = format_utc(max(0.0, now - parse_duration(given["range"])))
        if not (asked["of"] or asked["since"] or asked["until"]):
            asked["of"] = datetime.fromtimestamp(now, ZoneInfo(timezone)).date().isoformat()
        period = parse_period(asked, timezone, now=now)
    except (ValueError, OverflowError) as error:
        raise PageError(400, str(error), "Invalid period") from None
    if step_of(period) == "month" and period.per == CUSTOM:  # whole months
        months = local_periods("month", period.since, period.end, timezone)
        first = months[0] if period.end - months[0].start <= MOST_YEARS * YEAR_S else months[1]
        period = period._replace(since=first.start)
    unit = given.get("unit") or "kwh"
    if unit not in UNITS:
        raise PageError(400, f"{unit!r} is not a unit: {', '.join(UNITS)}", "Invalid unit")
    return period, unit


def _address(period: Period, unit: str) -> dict[str, str]:
    """The parameters that mean a period."""
    params = period.params if period.per == CUSTOM else {"period": period.per, "of": period.first_day}
    return {**params, **({"unit": unit} if unit != "kwh" else {})}


def _said_before(earlier: Period, now: float) -> str:
    return "the same time before" if earlier.per == CUSTOM else name_period(earlier, now)


async def _read(site: Site, period: Period, earlier: Period, upses: int) -> EnergyView:
    step = step_of(period)
    rows = await run_query(site, "energy_by_day", per=step, **period.utc_params)
    whole = {"since": format_utc(earlier.since), "until": format_utc(earlier.end)}
    before_it = await run_query(site, "energy_by_day", per=step, **whole)
    usual = period._replace(since=usual_since(period))
    hours = await run_query(site, "energy_by_hour", **usual.utc_params)
    until, before_until = same_part(period, earlier)
    parts: list[list[Row] | None] = [rows, before_it]
    if period.is_open:
        spans = ((period.since, until), (earlier.since, before_until))
        parts = [
            await run_query(
                site, "energy_by_day", per="whole", since=format_utc(start), until=format_utc(end)
            )
            if end > start
            else []
            for start, end in spans
        ]
    lengths = (until - period.since, before_until - earlier.since)
    comparison = None
    if parts[0] is not None and parts[1] is not None:
        comparison = compare(parts[0], parts[1], lengths, upses)
    return EnergyView(rows, before_it, hours, comparison)


def _figures(
    view: EnergyView, period: Period, earlier: Period, labels: Mapping[str, str], unit: str, now: float
) -> dict[str, object]:
    """What the template shows of the period."""
    rows = view.rows or []
    steps, earlier_steps = steps_of(rows, period), steps_of(view.earlier or [], earlier)
    per_ups = totals(rows)
    house = per_ups.get(HOUSE, EnergyTotal())
    names = [name for name in labels if name in per_ups]
    currency = house.currency if house.cost is not None else None
    return {
        "house": house,
        "currency": currency,
        "several": house.currency == SEVERAL,
        "unpriced": sum(one.site["unpriced_kwh"] or 0 for one in by_period(rows)),
        "names": names,
        "per_ups": per_ups,
        "periods": by_period(rows),
        "step": steps.step,
        "comparison": view.comparison,
        "chart": _chart(steps, earlier_steps, names, labels, unit, currency, earlier, now),
        "usual_day": draw_usual_day(view.hours or [], period.per),
        "shares": shares_of(rows),
        "runs": {name: measured_runs(steps, name) for name in names},
        "gaps": [describe_gap(gap, labels, len(names)) for gap in greatest_gaps(steps, period.timezone)],
        "greatest": greatest_step(steps, period.timezone),
        "mean_watts": sum(per_ups[name].mean_watts or 0 for name in names) if house.kwh is not None else None,
    }


def _chart(
    steps: EnergySteps,
    earlier_steps: EnergySteps,
    names: Sequence[str],
    labels: Mapping[str, str],
    unit: str,
    currency: str | None,
    earlier: Period,
    now: float,
) -> BarChart | None:
    if unit == "money" and currency is None:
        return None
    return draw_steps(
        steps,
        earlier_steps,
        names,
        [labels[name] for name in names],
        currency if unit == "money" else None,
        _said_before(earlier, now),
        earlier.timezone,
        now,
    )
