"""The page /events: mains outages, or all events of everything; a year of days above."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from datasette import Request, Response

from ingest.db.time import format_utc
from ingest.orders.numbers import whole_number
from plugins.web.pages.settings import labels_of
from plugins.web.query import Row, select
from plugins.web.render.address import address_of
from plugins.web.responses import needed, page
from plugins.web.site import Site
from reporting.charts import Interval
from reporting.event_notes import event_note
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
PAGE = 100  # rows of a table
LONGEST = 5  # outages beside the calendar
LAST_PAGE = 9999
CHOICES = ("kind", "ups", "event")  # columns of `all_events`, but for `ups`, a name
CHOSEN = """select * from all_events where (:kind = '' or kind = :kind) and (:event = '' or event = :event)
  and (:ups = '' or ups = (select id from ups where name = :ups))"""
COUNTS = """select kind, event, min(words) as words, count(*) as count from all_events
group by 1, 2 order by 4 desc"""

NO_EVENTS: dict[str, object] = {"total": 0, "events": [], "older_events": False, "counts": {}, "words": {}}

Choice: TypeAlias = dict[str, str]


def chosen_events(chosen: Choice) -> dict[str, str]:
    """The parameters of CHOSEN."""
    return {**dict.fromkeys(CHOICES, ""), **{name: chosen[name] for name in CHOICES if name in chosen}}


async def events(datasette: Site, request: Request) -> Response:
    """GET /events, filtered by `ups` (a name), `month` or `day`; with `tab=all` by `kind` and `event` too."""
    zone = ZoneInfo(datasette.timezone)
    now = datetime.now(zone)
    upses = await select(datasette, "select name, label, configured from ups order by id")
    began = RecordingStart.parse(needed(await select(datasette, RECORDING_START))[0])
    tab = "all" if request.args.get("tab") == "all" or upses == [] else "outages"
    chosen, span = _read_choice(request, CHOICES if tab == "all" else ("ups",), zone)
    outages = await _outages(datasette, chosen.get("ups"), now)
    number = min(max(whole_number(request.args.get("page") or "", digits=4) or 1, 1), LAST_PAGE)
    context = {
        "tab": tab,
        "chosen": chosen,
        "slow": outages is None,
        "began": began.whole if tab == "all" else began.ups,
        "upses": upses,
        "ups_labels": labels_of(upses),
        "days": SUMMARY_DAYS,
        "page": number,
        "address": address_of("/events", {"tab": "all", **chosen} if tab == "all" else chosen),
        "count": len([ups for ups in upses or [] if ups["configured"]]),
        **(await _all_events(datasette, chosen, span, outages or [], number) if tab == "all" else NO_EVENTS),
        **_figures(outages or [], span, now, zone, began.ups, number),
    }
    return await page(datasette, request, "pages/events.html", context)


def _read_choice(request: Request, names: Sequence[str], zone: ZoneInfo) -> tuple[Choice, Interval | None]:
    """What the address chooses, and the span of time that this is; what names none is left out."""
    chosen = {name: request.args[name] for name in names if request.args.get(name)}
    for name, parse in SPANS.items():
        text = request.args.get(name)
        if text and (span := parse(text, zone)):
            return {**chosen, name: text}, span
    return chosen, None


def parse_month(text: str | None, zone: ZoneInfo) -> Interval | None:
    """A local month, `2026-11`; None for what is not a month."""
    try:
        first = date.fromisoformat(f"{text}-01")
        after = (first + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError):
        return None
    start, end = (datetime(day.year, day.month, 1, tzinfo=zone).timestamp() for day in (first, after))
    return Interval(start, end)


def parse_day(text: str | None, zone: ZoneInfo) -> Interval | None:
    """A local day, `2026-11-28`; None for what is not a day."""
    try:
        day = date.fromisoformat(text or "")
        after = day + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    start, end = (datetime(one.year, one.month, one.day, tzinfo=zone).timestamp() for one in (day, after))
    return Interval(start, end)


SPANS = {"day": parse_day, "month": parse_month}  # parameters that choose a span of time; the first counts


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
    outages: list[MainsOutage],
    span: Interval | None,
    now: datetime,
    zone: ZoneInfo,
    began: str | None,
    number: int,
) -> dict[str, object]:
    shown = [one for one in reversed(outages) if span is None or one.touches(span)]
    return {
        "outages": shown[(number - 1) * PAGE : number * PAGE],
        "longest": max((one.seconds for one in shown), default=0),
        "longest_outages": sorted(outages, key=lambda one: -one.seconds)[:LONGEST],
        "matching": len(shown),
        "older": len(shown) > number * PAGE,
        "summary": summarize(outages, now.timestamp() - SUMMARY_DAYS * 86_400),
        "calendar": calendar(outages, now.date(), zone, began),
        "months": months_with_outages(outages, now.date(), zone),
    }


async def _all_events(
    site: Site, chosen: Choice, span: Interval | None, outages: Sequence[MainsOutage], number: int
) -> dict[str, object]:
    """What the tab of all events has beside the outages."""
    events = await _events(site, chosen, span, number)
    counted = await select(site, COUNTS) or []
    return {
        "total": len((events or [])[:PAGE]),
        "events": events and with_notes(one_row_each(events[:PAGE], outages, is_first=number == 1), outages),
        "older_events": len(events or []) > PAGE,
        "counts": count_kinds(counted),
        "words": {row["event"]: row["words"] for row in counted},
    }


async def _events(site: Site, chosen: Choice, span: Interval | None, number: int) -> list[Row] | None:
    """A page of the events, and one more where there are older ones."""
    start, end = (format_utc(span.start), format_utc(span.end)) if span else ("", "9")
    return await select(
        site,
        f"{CHOSEN} and started_at >= :start and started_at < :end order by id desc "
        f"limit {PAGE + 1} offset :skipped",
        {**chosen_events(chosen), "start": start, "end": end, "skipped": (number - 1) * PAGE},
    )


def one_row_each(events: Sequence[Row], outages: Sequence[MainsOutage], is_first: bool = True) -> list[Row]:
    """Events, those of a mains outage that several UPSes saw as one, with its `members`.

    On a page that is not the first, an outage with a newer event stands on the page before.
    """
    of_event = {
        member.id: outage for outage in outages if len(outage.members) > 1 for member in outage.members
    }
    newest = max((event["id"] for event in events), default=0)
    found: list[Row] = []
    seen = {
        one.id for one in of_event.values() if not is_first and max(each.id for each in one.members) > newest
    }
    for event in events:
        outage = of_event.get(event["id"])
        if outage is None:
            found.append(event)
        elif outage.id not in seen:
            seen.add(outage.id)
            found.append(
                event
                | {
                    "members": outage.members,
                    "started_at": outage.started_at,
                    "ended_at": outage.ended_at,
                    "seconds": outage.seconds,
                    "complete": outage.complete,
                }
            )
    return found


def with_notes(events: Sequence[Row], outages: Sequence[MainsOutage]) -> list[Row]:
    """The same events, each with its `note`."""
    of_event = {member.id: outage for outage in outages for member in outage.members}
    return [event | {"note": event_note(event, of_event.get(event["id"]))} for event in events]


def count_kinds(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Kind -> {event: how many there are}, most first; of rows of COUNTS."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["kind"], {})[row["event"]] = row["count"]
    return found
