"""The page /events: mains outages, or all events of everything; a year of days above."""

from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from datasette import Request, Response

from ingest.db.time import format_utc
from plugins.web.pages.settings import labels_of
from plugins.web.query import Row, select
from plugins.web.render.address import address_of
from plugins.web.responses import needed, page
from plugins.web.site import Site
from reporting.charts import Interval
from reporting.outages import (
    OUTAGES_BETWEEN,
    OUTAGES_OF_UPS,
    MainsOutage,
    calendar,
    months_with_outages,
    parse_outage,
    summarize,
)
from reporting.recording import RECORDING_START, RecordingStart

SUMMARY_DAYS = 30
YEAR_DAYS = 366
MOST = 300  # rows of a table
CHOICES = ("kind", "ups", "event")  # columns of `all_events`, but for `ups`, a name
CHOSEN = """select * from all_events where (:kind = '' or kind = :kind) and (:event = '' or event = :event)
  and (:ups = '' or ups = (select id from ups where name = :ups))"""
COUNTS = "select kind, event, count(*) as count from all_events group by 1, 2 order by 3 desc"

Choice: TypeAlias = dict[str, str]


def chosen_events(chosen: Choice) -> dict[str, str]:
    """The parameters of CHOSEN."""
    return {**dict.fromkeys(CHOICES, ""), **{name: chosen[name] for name in CHOICES if name in chosen}}


async def events(datasette: Site, request: Request) -> Response:
    """GET /events, filtered by `ups` (a name) and `month`; with `tab=all` also by `kind` and `event`."""
    zone = ZoneInfo(datasette.timezone)
    now = datetime.now(zone)
    upses = await select(datasette, "select name, label from ups order by id")
    began = RecordingStart.parse(needed(await select(datasette, RECORDING_START))[0])
    tab = "all" if request.args.get("tab") == "all" or upses == [] else "outages"
    names = (*CHOICES, "month") if tab == "all" else ("ups", "month")
    chosen = {name: request.args.get(name) for name in names if request.args.get(name)}
    month = parse_month(chosen.get("month"), zone)
    if month is None:
        chosen.pop("month", None)
    outages = await _outages(datasette, chosen.get("ups"), now)
    context = {
        "tab": tab,
        "chosen": chosen,
        "slow": outages is None,
        "began": began.whole if tab == "all" else began.ups,
        "upses": upses,
        "ups_labels": labels_of(upses),
        "days": SUMMARY_DAYS,
        "most": MOST,
        "address": address_of("/events", {"tab": "all", **chosen} if tab == "all" else chosen),
        "events": await _events(datasette, chosen, month) if tab == "all" else [],
        "counts": await _counts(datasette) if tab == "all" else {},
        **_figures(outages or [], month, now, zone, began.ups),
    }
    return await page(datasette, request, "pages/events.html", context)


def parse_month(text: str | None, zone: ZoneInfo) -> Interval | None:
    """A local month, `2026-11`; None for what is not a month."""
    try:
        first = date.fromisoformat(f"{text}-01")
        after = (first + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError):
        return None
    start, end = (datetime(day.year, day.month, 1, tzinfo=zone).timestamp() for day in (first, after))
    return Interval(start, end)


async def _outages(site: Site, ups: str | None, now: datetime) -> list[MainsOutage] | None:
    """Those of the last year, in order of time; with `ups`, the parts of that UPS alone."""
    params = {
        "since": format_utc((now - timedelta(days=YEAR_DAYS)).timestamp()),
        "until": format_utc(now.timestamp() + 1),
        "ups": ups or "",
    }
    rows = await select(site, OUTAGES_OF_UPS if ups else OUTAGES_BETWEEN, params)
    return None if rows is None else [parse_outage(row) for row in rows]


def _figures(
    outages: list[MainsOutage], month: Interval | None, now: datetime, zone: ZoneInfo, began: str | None
) -> dict[str, object]:
    shown = [one for one in reversed(outages) if month is None or month.start <= one.start < month.end]
    return {
        "outages": shown[:MOST],
        "more": len(shown) > MOST,
        "summary": summarize(outages, now.timestamp() - SUMMARY_DAYS * 86_400),
        "calendar": calendar(outages, now.date(), zone, began),
        "months": months_with_outages(outages, now.date(), zone),
    }


async def _events(site: Site, chosen: Choice, month: Interval | None) -> list[Row] | None:
    start, end = (format_utc(month.start), format_utc(month.end)) if month else ("", "9")
    return await select(
        site,
        f"{CHOSEN} and started_at >= :start and started_at < :end order by id desc limit {MOST}",
        {**chosen_events(chosen), "start": start, "end": end},
    )


async def _counts(site: Site) -> dict[str, dict[str, int]]:
    """Kind -> {event: how many there are}, most first."""
    found: dict[str, dict[str, int]] = {}
    for row in await select(site, COUNTS) or []:
        found.setdefault(row["kind"], {})[row["event"]] = row["count"]
    return found
