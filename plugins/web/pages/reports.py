"""The page /reports: what a day, week, month or year was like, on one page that can be printed."""

import sqlite3
import time

from datasette import Request, Response

from ingest.db.time import format_utc, parse_utc
from plugins.web.canned import queries_of
from plugins.web.pages.settings import UPS_LABELS, labels_of
from plugins.web.query import DATABASE, select_many
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.canned_queries import QueryReader
from reporting.period_figures import COUNTS, OWN_QUERIES, Counts, PeriodFigures, read_figures
from reporting.recording import RECORDING_START, RecordingStart
from reporting.report_period import PERIODS, Period, parse_period


async def report(datasette: Site, request: Request) -> Response:
    """GET /reports with `period` and `of`, or `since` and `until`."""
    now = time.time()
    found = await select_many(datasette, {"began": RECORDING_START, "counts": COUNTS, "labels": UPS_LABELS})
    began = RecordingStart.parse(needed(found["began"])[0]).whole
    counts = Counts(**needed(found["counts"])[0])
    began_s = parse_utc(began) if began else None
    try:
        period = parse_period(request.args, datasette.timezone, began_s, now)
    except ValueError as error:
        raise PageError(400, str(error), "Invalid period") from None
    recorded = began_s is not None and period.since < now and period.until > began_s
    figures = await _read(datasette, period, counts) if recorded else None
    context = {
        "period": period,
        "pers": PERIODS,
        "began": began,
        "partly": recorded and began_s is not None and period.since < began_s,
        "ahead": period.since >= now,
        "counts": counts,
        "made_at": format_utc(now),
        "since_at": format_utc(period.since),
        "until_at": format_utc(period.until),
        "neighbours": _shown_neighbours(period, began_s, now),
        "timezone": datasette.timezone,
        "figures": figures,
        "ups_labels": labels_of(found["labels"]),
        **(figures.rows if figures else {}),
    }
    return await page(datasette, request, "pages/reports.html", context)


async def _read(site: Site, period: Period, counts: Counts) -> PeriodFigures:
    queries = {**queries_of(site), **OWN_QUERIES}

    def read(connection: sqlite3.Connection) -> PeriodFigures:
        reader = QueryReader(connection, queries, site.sql_time_limit_ms / 1000)
        return read_figures(reader, period, counts)

    figures: PeriodFigures = await site.get_database(DATABASE).execute_fn(read)
    return figures


def _shown_neighbours(period: Period, began: float | None, now: float) -> tuple[Period | None, Period | None]:
    """(before, after): None where nothing was recorded, or where it lies ahead."""
    before, after = period.neighbours(now)
    return (
        before if before and began is not None and before.end > began else None,
        after if after and after.since <= now else None,
    )
