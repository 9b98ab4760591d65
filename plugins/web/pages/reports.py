"""The page /reports: what a day, week, month or year was like, on one page that can be printed.

Every block is what a canned query says of the time of the report, so that its data strip leads to the same figures.
"""

import time
from datetime import datetime
from math import ceil, floor
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ingest.db.time import format_utc, parse_utc
from plugins.web.pages.events import group, recording, summary
from plugins.web.pages.history import run
from plugins.web.pages.home import TOO_SLOW
from plugins.web.pages.ups import wrong
from plugins.web.query import select
from plugins.web.responses import page
from reporting.charts import bars, histogram
from reporting.formatting import format_figure
from reporting.periods import WHOLE, local_periods
from reporting.report_period import PERIODS, read_period

OUTAGES = 50  # rows of the table
MOST = 2000  # rows of outages_report
VOLTS = 1  # of a bin of the histogram
BINS = 60  # wider than this, each UPS has an axis of its own
TICKS, TICK = 6, {"hour": "%H:%M", "day": "%-d %b", "month": "%b"}  # below the bars
COUNTS = """select (select count(*) from ups) as upses, (select count(*) from nodes) as nodes,
  (select count(*) from tariffs) as tariffs"""


def wanted(period, counts):
    """Block -> (canned query, parameters) of the blocks that there is anything to say in."""
    of_upses = {
        "outages": ("outages_report", {}),
        "coverage": ("monitoring_coverage", {"per": WHOLE}),
        "energy": ("energy_by_day", {"per": WHOLE}),
        "steps": ("energy_by_day", {"per": period.step}),
        "load": ("load_report", {}),
        "quality": ("power_quality", {"per": WHOLE}),
        "volts": ("voltage_histogram", {"step": VOLTS}),
    }
    of_nodes = {"silent": ("silent_nodes", {}), "nodes": ("node_report", {})}
    of_all = {"replace": ("batteries_to_replace", {}), "events": ("event_counts", {})}
    return {**(of_upses if counts["upses"] else {}), **(of_nodes if counts["nodes"] else {}), **of_all}


async def report(datasette, request):
    """GET /reports with `period` and `of`, or `since` and `until`."""
    now = time.time()
    recorded_since, counts = await recording(datasette), await select(datasette, COUNTS)
    if recorded_since is None or counts is None:
        return await wrong(datasette, request, "Too slow", TOO_SLOW, 503)
    began, counts = recorded_since["all"], counts[0]
    began_s = parse_utc(began) if began else None
    try:
        period = read_period(request.args, datasette.timezone, began_s, now)
    except ValueError as error:
        return await wrong(datasette, request, "Not a period", str(error), 400)
    recorded = began is not None and period.since < now and period.until > began_s
    blocks = await _blocks(datasette, period, counts) if recorded else {}
    context = {
        "period": period,
        "pers": PERIODS,
        "began": began,
        "partly": recorded and period.since < began_s,
        "ahead": period.since >= now,
        "recorded": recorded,
        "counts": counts,
        "made_at": format_utc(now),
        "since_at": format_utc(period.since),
        "until_at": format_utc(period.until),
        "beside": _beside(period, began_s, now),
        "timezone": datasette.timezone,
        **blocks,
    }
    return await page(datasette, request, "pages/reports.html", context)


def _beside(period, began, now):
    """(before, after): Periods of the same kind, None where nothing was recorded or nothing has come yet."""
    before, after = period.beside(now)
    return (
        before if before and began is not None and before.end > began else None,
        after if after and after.since <= now else None,
    )


async def _blocks(datasette, period, counts):
    """Figures of the blocks, one query after the other, so that each has its whole time; None for one that took too long."""
    given = {"since": format_utc(period.since), "until": format_utc(period.until)}
    blocks = wanted(period, counts)
    found = {
        name: await run(datasette, query, {**params, **given}) for name, (query, params) in blocks.items()
    }
    found["links"] = {
        name: urlencode({**params, **period.given})
        for name, (_, params) in blocks.items()
        if name != "replace"
    }
    if counts["upses"]:
        house = of_house(found["energy"])
        groups = group(sorted(found["outages"] or [], key=lambda row: (row["started_at"], row["ups"])))
        found |= {
            "summary": summary(groups, period.since, period.until),
            "cut": len(found["outages"] or []) >= MOST,
            "more": max(0, len(groups) - OUTAGES),
            "outages": None if found["outages"] is None else groups[::-1][:OUTAGES],
            "coverage": availability(found["coverage"], found["energy"]),
            "house_row": house[0] if house else None,
            "seen": seen(house[0]) if house else None,
            "bars": energy_bars(of_house(found["steps"]), period),
            "histograms": histograms(found["volts"]),
            "volts": found["volts"] and by_volts(found["volts"]),
        }
    return found


def of_house(rows):
    """Those of energy_by_day that are of all UPSes together."""
    return [row for row in rows or [] if row["ups"] is None]


def share(part, whole, digits):
    """Per cent that never say all where something is missing."""
    scale = 10**digits
    return floor(100 * scale * max(0, min(1, part / whole)) + 1e-6) / scale if whole else None


def seen(row):
    """How much of the time was seen, per cent; less than a minute counts for nothing."""
    missing = row["uncovered_s"] if row["uncovered_s"] >= 60 else 0
    return share(row["covered_s"], row["covered_s"] + missing, 1)


def availability(coverage, energy):
    """Rows of monitoring_coverage with the time on battery and the shares of the time: seen, and of that on mains."""
    battery = {row["ups"]: row["on_battery_s"] for row in energy or []}
    return coverage and [
        row
        | {
            "seen": seen(row),
            "on_battery_s": battery.get(row["ups"]),
            "mains": None
            if energy is None
            else share(row["covered_s"] - battery.get(row["ups"], 0), row["covered_s"], 3),
        }
        for row in coverage
    ]


def energy_bars(rows, period):
    """A chart of the house: a bar for each step of the period, also for those of which nothing is known. None without energy."""
    known, zone = {row["period"]: row["kwh"] for row in rows}, ZoneInfo(period.timezone)
    most = max((kwh for kwh in known.values() if kwh), default=0)
    steps = local_periods(period.step, period.since, period.end, period.timezone)
    if not most or len(steps) < 2:
        return None
    every = ceil(len(steps) / TICKS)
    return {
        "title": f"By the {period.step}",
        "unit": "kWh",
        "number": 1,
        "caption": f"The house in each {period.step}; at most {most:.2f}\u202fkWh.",
        "bars": bars(
            [
                (label, known.get(label), f"{label}: {format_figure(known.get(label), 'kWh')}")
                for _, _, label in steps
            ]
        ),
        "xs": [
            {
                "across": round((number + 0.5) / len(steps) * 100, 2),
                "text": f"{datetime.fromtimestamp(start, zone):{TICK[period.step]}}",
            }
            for number, (start, _, _) in enumerate(steps)
            if number % every == 0
        ],
    }


def histograms(rows):
    """A chart for each UPS, on one axis where that is not too wide."""
    counts = {}
    for row in rows or []:
        counts.setdefault(row["name"], {})[round(row["volts"] / VOLTS)] = row["hours"]
    bins = [number for own in counts.values() for number in own]
    shared = bool(bins) and max(bins) - min(bins) < BINS
    return [
        histogram(name, "V", own, min(bins if shared else own), max(bins if shared else own), VOLTS)
        | {"number": number % 6 + 1}
        for number, (name, own) in enumerate(counts.items())
    ]


def by_volts(rows):
    """Rows of voltage_histogram as (names, [(volts, below, {name: row})])."""
    found = {}
    for row in rows:
        found.setdefault((row["volts"], row["below"]), {})[row["name"]] = row
    return list(dict.fromkeys(row["name"] for row in rows)), [
        (*bin, own) for bin, own in sorted(found.items())
    ]
