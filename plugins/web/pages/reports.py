"""The page /reports: what a day, week, month or year was like, on one page that can be printed."""

import asyncio
import sqlite3
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from datasette import Request, Response

from ingest.config.model import Config
from ingest.config.periodic import ReportSettings
from ingest.db.time import format_utc, parse_utc
from ingest.nearest import nearest
from outbound.reports.store import KeptReport, list_kept, reports_folder
from plugins.web.canned import queries_of
from plugins.web.pages.settings import UPS_LABELS, labels_of
from plugins.web.query import DATABASE, select_many
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.canned_queries import QueryReader
from reporting.period_figures import COUNTS, OWN_QUERIES, Counts, PeriodFigures, read_figures
from reporting.recording import RECORDING_START, RecordingStart
from reporting.report_period import PERIODS, Period, parse_period

SHOWN_KEPT = 12  # of each report


class ReportMail(NamedTuple):
    """A report of `reports:`: how it is set up, and what is kept of it with the local time it was made."""

    settings: ReportSettings
    kept: list[tuple[KeptReport, str]]


async def report(datasette: Site, request: Request) -> Response:
    """GET /reports with `period` and `of`, or `since` and `until`; `ups` are names, for these alone."""
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
    labels = labels_of(found["labels"])
    chosen = _chosen_upses(request.args.get("ups") or "", labels)
    if chosen:
        labels = {name: labels[name] for name in chosen}
        counts = Counts(len(chosen), 0, counts.tariffs)
    figures = await _read(datasette, period, counts, labels, chosen) if recorded else None
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
        "ups_labels": labels,
        "chosen": chosen,
        "chosen_query": f"&{urlencode({'ups': ','.join(chosen)}, safe='@,')}" if chosen else "",
        "mails": await asyncio.to_thread(read_mails, datasette.config) if datasette.has_config else [],
        **(figures.rows if figures else {}),
    }
    return await page(datasette, request, "pages/reports.html", context)


def _chosen_upses(given: str, labels: Mapping[str, str]) -> list[str]:
    """The names of a parameter `ups`, with commas between them; empty for all."""
    names = list(dict.fromkeys(name for name in map(str.strip, given.split(",")) if name))
    for name in names:
        if name not in labels:
            raise PageError(404, f"There is no UPS {name!r}: {nearest(name, labels)}")
    return names


def read_mails(config: Config) -> list[ReportMail]:
    """The reports of the config with what is kept of each, the newest first."""
    kept = list_kept(reports_folder(config.database)) if config.reports else []
    return [
        ReportMail(one, [(old, format_utc(old.made_at)) for old in kept if old.name == one.name][:SHOWN_KEPT])
        for one in config.reports
    ]


async def _read(
    site: Site, period: Period, counts: Counts, labels: dict[str, str], chosen: list[str]
) -> PeriodFigures:
    queries = {**queries_of(site), **OWN_QUERIES}

    def read(connection: sqlite3.Connection) -> PeriodFigures:
        reader = QueryReader(connection, queries, site.sql_time_limit_ms / 1000)
        return read_figures(reader, period, counts, labels, chosen)

    figures: PeriodFigures = await site.get_database(DATABASE).execute_fn(read)
    return figures


def _shown_neighbours(period: Period, began: float | None, now: float) -> tuple[Period | None, Period | None]:
    """(before, after): None where nothing was recorded, or where it lies ahead."""
    before, after = period.neighbours(now)
    return (
        before if before and began is not None and before.end > began else None,
        after if after and after.since <= now else None,
    )
