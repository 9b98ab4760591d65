"""Making a report in this process, whose memory it takes until the end: read, written as a mail, kept.

`outbound.reports.run` has a process of its own do it.
"""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from urllib.parse import urlencode

from ingest.config.model import Config
from ingest.config.periodic import ReportSettings
from ingest.db.connection import connect
from outbound.reports.build import build_report, local_text
from outbound.reports.document import ReportDocument
from outbound.reports.figures import LABELS, ReportFigures, read_report
from outbound.reports.kept_mail import summary_text
from outbound.reports.mail import compose_mail
from outbound.reports.model import MadeReport, ReportError, find_report
from outbound.reports.period import period_key, period_of
from outbound.reports.query_report import build_query_report, query_problems, read_query
from outbound.reports.store import keep_report, reports_folder
from reporting.canned_queries import CannedQuery, QueryReader, load_queries
from reporting.period_figures import OWN_QUERIES, blocks_of
from reporting.report_period import Period
from reporting.spreadsheet_csv import write_csv
from reporting.sql_functions import register
from reporting.ups_comparison import COMPARED, comparison_sql

QUERY_S = 60.0  # for each query: nobody waits for a report


def make_report(
    config: Config, name: str, of: str | None = None, site_url: str = "", now: float | None = None
) -> MadeReport:
    """Make a report of its last whole period, or of the one that contains the day `of`, and keep it.

    `site_url` begins the link to the same figures, '' for none. Raises ReportError, sqlite3.Error, OSError.
    """
    now = time.time() if now is None else now
    report = find_report(config, name)
    period = period_of(report, config.timezone, of, now)
    with closing(connect(config.database, readonly=True)) as connection:
        register(connection, config.timezone)
        connection.execute("begin")  # all figures are of one state of the database
        queries = load_queries() if not report.query else _with_comparison(connection, load_queries())
        reader = QueryReader(connection, {**queries, **OWN_QUERIES}, QUERY_S)
        if report.query:
            document = _read_query_report(config, report, queries, reader, period, site_url, now)
        else:
            document = _read_period_report(config, report, reader, period, site_url, now)
    title = f"Report {document.title} ({config.title})"
    if document is NOTHING:
        return MadeReport(name, period_key(period), "", period.title, "")
    mail = compose_mail(document, title)
    folder = reports_folder(config.database)
    file = keep_report(folder, name, period_key(period), mail, report.keep)
    return MadeReport(name, period_key(period), file, str(mail["Subject"]), summary_text(mail))


NOTHING = ReportDocument("", "", "")  # a report only_if_rows without rows


def _read_period_report(
    config: Config, report: ReportSettings, reader: QueryReader, period: Period, site_url: str, now: float
) -> ReportDocument:
    found = read_report(reader, period, now, report.ups)
    chosen = {"ups": ",".join(report.ups)} if report.ups else {}
    given = urlencode({"period": period.per, "of": period.first_day, **chosen}, safe="@,")
    link = f"{site_url}/reports?{given}" if site_url else ""
    document = build_report(found, config.title, link)
    if report.ups:
        names = ", ".join(found.name_of(name) for name in report.ups)
        document = replace(document, title=f"{document.title}: {names}")
    return replace(document, files=_csv_of_blocks(found, report) if report.csv else {})


def _csv_of_blocks(found: ReportFigures, report: ReportSettings) -> dict[str, str]:
    """The rows of each block that has some, by the name of its file."""
    if found.figures is None:
        return {}
    blocks = blocks_of(found.period, found.counts, report.ups)
    return {
        f"{report.name}-{period_key(found.period)}-{block.query}{_per(block.params)}.csv": write_csv(
            list(rows[0]), rows
        )
        for name, block in blocks.items()
        if (rows := found.figures.rows[name])
    }


def _per(params: Mapping[str, object]) -> str:
    return f"-by-{params['per']}" if params.get("per") in ("hour", "day", "month") else ""


def _read_query_report(
    config: Config,
    report: ReportSettings,
    queries: Mapping[str, CannedQuery],
    reader: QueryReader,
    period: Period,
    site_url: str,
    now: float,
) -> ReportDocument:
    for key, problem in query_problems(report, queries):
        raise ReportError(f"reports.{report.name}.{key}: {problem}")
    query = queries[report.query]
    rows = read_query(reader, report, query, period)
    if report.only_if_rows and rows == []:
        return NOTHING
    given = {**{name: text for name, text in period.params.items() if name in query.params}, **report.params}
    link = f"{site_url}/telemetry/{report.query}?{urlencode(given, safe='@')}" if site_url else ""
    labels = {row["name"]: row["label"] for row in reader.select(LABELS) or ()}
    made = f"{config.title}. Made on {local_text(now, config.timezone)}."
    document = build_query_report(report, query, rows, period, labels, made, link)
    if not report.csv or not rows:
        return document
    file = f"{report.name}-{period_key(period)}.csv"
    return replace(document, files={file: write_csv(list(rows[0]), rows)})


def _with_comparison(
    connection: sqlite3.Connection, queries: Mapping[str, CannedQuery]
) -> dict[str, CannedQuery]:
    """With `ups_compare` as it is for the UPSes that there are."""
    found = dict(queries)
    if "ups_compare" in found:
        sql = comparison_sql(list(connection.execute(COMPARED)))
        found["ups_compare"] = found["ups_compare"]._replace(sql=sql)
    return found
