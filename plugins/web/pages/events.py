"""The page /events: outages, those at several UPSes told as one, or all events of everything; a year of days above."""

from datetime import date, datetime, timedelta
from math import inf
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ingest.db.time import format_utc, parse_utc
from ingest.schema.ups import MAINS_OUTAGE_S
from plugins.web.query import select
from plugins.web.responses import page

MONTH_DAYS = 30
MOST = 300  # rows of a table
LEVELS = (60, 600, 3600)  # seconds on battery in a day: from which on a cell is darker
CHOICES = (
    "kind",
    "ups",
    "event",
)  # what narrows the events down: columns of `all_events`, but for `ups`, a name
CHOSEN = """select * from all_events where (:kind = '' or kind = :kind) and (:event = '' or event = :event)
  and (:ups = '' or ups = (select id from ups where name = :ups))"""


async def events(datasette, request):
    """GET /events, filtered by `ups` (a name) and `month` (2026-11); `tab=all` for all events, also by `kind` and `event`."""
    zone = ZoneInfo(datasette.timezone)
    now = datetime.now(zone)
    upses = await select(datasette, "select name, label from ups order by id")
    tab = "all" if request.args.get("tab") == "all" or upses == [] else "outages"
    choices = (*CHOICES, "month") if tab == "all" else ("ups", "month")
    chosen = {name: request.args.get(name) for name in choices if request.args.get(name)}
    began = await recording(datasette) or {"ups": None, "all": None}
    year_ago = format_utc((now - timedelta(days=366)).timestamp())
    rows = await select(
        datasette,
        """select * from outages where started_at >= ? or ended_at is null or ended_at >= ? order by started_at, ups""",
        [year_ago, year_ago],
    )
    mine = [row for row in rows or [] if chosen.get("ups") in (None, row["name"])]
    grouped = group(mine)
    month = await _month(chosen, zone)
    shown = [one for one in reversed(grouped) if month is None or month[0] <= one["started"] < month[1]]
    context = {
        "tab": tab,
        "chosen": chosen,
        "slow": rows is None,
        "began": began["all" if tab == "all" else "ups"],
        "upses": upses,
        "outages": shown[:MOST],
        "summary": summary(grouped, now.timestamp() - MONTH_DAYS * 86_400),
        "days": MONTH_DAYS,
        "most": MOST,
        "more": len(shown) > MOST,
        "calendar": calendar(grouped, now.date(), zone, began["ups"]),
        "months": months(grouped, now.date(), zone),
        "events": await _all_events(datasette, chosen, month) if tab == "all" else [],
        "counts": await _counts(datasette) if tab == "all" else {},
        "address": _address({"tab": "all", **chosen} if tab == "all" else chosen),
    }
    return await page(datasette, request, "pages/events.html", context)


async def _month(chosen, zone):
    """(start, end) in unix seconds of the chosen local month; None for all, and for what is no month."""
    try:
        first = date.fromisoformat(f"{chosen['month']}-01")
    except (KeyError, ValueError):
        chosen.pop("month", None)
        return None
    after = (first + timedelta(days=32)).replace(day=1)
    return tuple(datetime(day.year, day.month, 1, tzinfo=zone).timestamp() for day in (first, after))


async def recording(datasette):
    """When it began: `ups` of the first UPS, `all` of the first UPS or node; None where there is none.

    None in place of both when the database took too long.
    """
    rows = await select(
        datasette,
        """select ups, min(coalesce(ups, node), coalesce(node, ups)) as "all" from (
        select (select min(first_seen_at) from ups) as ups, (select min(first_seen_at) from nodes) as node)""",
    )
    return rows and rows[0]


async def _all_events(datasette, chosen, month):
    start, end = (format_utc(month[0]), format_utc(month[1])) if month else ("", "9")
    return await select(
        datasette,
        f"{CHOSEN} and started_at >= :start and started_at < :end order by id desc limit {MOST}",
        {**dict.fromkeys(CHOICES, ""), **chosen, "start": start, "end": end},
    )


async def _counts(datasette):
    """Kind -> {event: how many there are}, most first."""
    rows = await select(
        datasette, "select kind, event, count(*) as count from all_events group by 1, 2 order by 3 desc"
    )
    found = {}
    for row in rows or []:
        found.setdefault(row["kind"], {})[row["event"]] = row["count"]
    return found


def _address(chosen):
    """A function: the address of this page with some choices made otherwise, or taken away by None."""

    def address(**changes):
        query = urlencode({name: value for name, value in {**chosen, **changes}.items() if value}, safe="@")
        return f"/events?{query}" if query else "/events"

    return address


def group(rows):
    """Rows of `outages`, in order of time, as one for each failure of the mains or of a single circuit."""
    groups = []
    for row in rows:
        started = parse_utc(row["started_at"])
        open_ = row["ended_at"] is None
        ended = started + row["seconds"] if open_ else parse_utc(row["ended_at"])
        own = groups[-1] if groups else None
        if (
            own
            and started - own["started"] <= MAINS_OUTAGE_S
            and row["name"] not in [one["name"] for one in own["rows"]]
        ):
            own["rows"].append(row)
            own["ended"] = max(own["ended"], ended)
            own["open"] = own["open"] or open_
        else:
            groups.append({"started": started, "ended": ended, "open": open_, "rows": [row]})
    for own in groups:
        own["seconds"] = own["ended"] - own["started"]
        own["started_at"] = own["rows"][0]["started_at"]
        own["complete"] = all(row["complete"] for row in own["rows"])
        own["cause"] = own["rows"][0]["cause"]
        own["wh"] = _sum(row["wh"] for row in own["rows"])
        for figure in ("lowest_charge", "lowest_battery_voltage"):
            own[figure] = min((row[figure] for row in own["rows"] if row[figure] is not None), default=None)
    return groups


def _sum(values):
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def merged(groups):
    """(start, end) of the times in which anything was on battery, without overlap."""
    spans = []
    for start, end in sorted((own["started"], own["ended"]) for own in groups):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def summary(groups, since, until=inf):
    """How many outages since then, seconds on battery in all until `until`, the longest of them."""
    recent = [own for own in groups if own["ended"] >= since]
    return {
        "count": len(recent),
        "seconds": sum(min(end, until) - max(start, since) for start, end in merged(recent)),
        "longest": max((own["seconds"] for own in recent), default=0),
    }


def by_day(groups, zone):
    """Local date -> seconds on battery."""
    found = {}
    for start, end in merged(groups):
        day = datetime.fromtimestamp(start, zone).date()
        while start < end:
            after = day + timedelta(days=1)
            midnight = datetime(after.year, after.month, after.day, tzinfo=zone).timestamp()
            found[day] = found.get(day, 0) + min(end, midnight) - start
            start, day = min(end, midnight), after
    return found


def calendar(groups, today, zone, began):
    """A cell for each day of the last 12 months, in columns of weeks: x and y count cells."""
    found = by_day(groups, zone)
    recorded = datetime.fromtimestamp(parse_utc(began), zone).date() if began else None
    first = today - timedelta(days=364)
    monday = first - timedelta(days=first.weekday())
    cells, day = [], monday
    while day <= today:
        length = found.get(day, 0)
        level = 0 if not length else 1 + sum(length >= limit for limit in LEVELS)
        cells.append(
            {
                "x": (day - monday).days // 7,
                "y": day.weekday(),
                "day": day,
                "seconds": length,
                "level": level,
                "before": recorded is None or day < recorded,
            }
        )
        day += timedelta(days=1)
    return cells


def months(groups, today, zone):
    """(first day, outages, seconds on battery) of each of the last 12 months that had one, newest first."""
    lengths, counts = {}, {}
    for day, length in by_day(groups, zone).items():
        lengths[day.replace(day=1)] = lengths.get(day.replace(day=1), 0) + length
    for own in groups:
        first = datetime.fromtimestamp(own["started"], zone).date().replace(day=1)
        counts[first] = counts.get(first, 0) + 1
    return [
        (first, counts.get(first, 0), lengths[first])
        for first in sorted(lengths, reverse=True)
        if first <= today
    ]
