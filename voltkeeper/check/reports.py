"""`voltkeeper check`: what each report is of, and when and to whom it goes."""

from collections.abc import Iterator

from ingest.config.model import Config
from ingest.config.periodic import ReportSettings
from outbound.reports.pictures import LEFT_OUT, can_draw
from outbound.reports.query_report import query_problems
from outbound.reports.store import list_kept, reports_folder
from reporting.canned_queries import load_queries
from voltkeeper.check.sources import Finding


def report_findings(config: Config) -> Iterator[tuple[str, Finding]]:
    """(what, finding) of each report; a fault names the nearest query or parameter."""
    if not config.reports:
        return
    queries, kept = load_queries(), list_kept(reports_folder(config.database))
    for report in config.reports:
        what = f"report {report.name}"
        problems = list(query_problems(report, queries))
        for key, problem in problems:
            yield what, Finding(False, f"{key}: {problem}")
        if not problems:
            newest = next((one.period for one in kept if one.name == report.name), "")
            yield what, Finding(True, _describe(report) + (f"; made last: {newest}" if newest else ""))


def picture_note(config: Config) -> str:
    """What is missing for pictures in mails; '' where nothing is, or no report is sent."""
    return "" if can_draw() or not config.reports else LEFT_OUT


def _describe(report: ReportSettings) -> str:
    what = f"rows of {report.query}" if report.query else ", ".join(report.ups) or "everything"
    return f"{what}, each {report.every} at {report.at}, to {', '.join(report.to)}"
