"""Rows of `deliveries` for a report, one a target: `voltkeeper outbound` sends them in their order."""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.config.periodic import ReportSettings
from ingest.db.changes import raise_topics
from ingest.db.connection import Row, dict_rows
from ingest.db.time import format_utc
from ingest.severity import Severity
from outbound.alerts.model import DeliveryKind, DeliveryState
from outbound.reports.kept_mail import summary_text
from outbound.reports.model import MadeReport, ReportError
from outbound.reports.store import FILE, read_kept
from reporting.formatting import format_local

TOPIC = "deliveries"
INSERT = """insert into deliveries (target, kind, severity, state, title, text, report)
values (?, ?, ?, ?, ?, ?, ?) returning id"""
UNSENT = (DeliveryState.QUEUED, DeliveryState.SENDING)


def queue_report(connection: sqlite3.Connection, report: ReportSettings, made: MadeReport) -> list[int]:
    """Queue a report that was made for each of its targets, inside the open transaction; returns the ids."""
    fixed = (DeliveryKind.REPORT, Severity.OK, DeliveryState.QUEUED, made.title, made.text, made.file)
    ids = [int(connection.execute(INSERT, (target, *fixed)).fetchone()[0]) for target in report.to]
    raise_topics(connection, (TOPIC,))
    return ids


def kept_report(folder: Path, file: str, timezone: str, now: float | None = None) -> MadeReport:
    """A report that is kept, to be sent once more. Its title says so: mail programs show equal mails once.

    Raises ReportError where it is kept no longer; OSError.
    """
    mail, match = read_kept(folder, file), FILE.fullmatch(file)
    if mail is None or match is None:
        raise ReportError(f"{file} is not kept any longer: send a new one in place of it")
    at = format_local(format_utc(time.time() if now is None else now), timezone)
    title = f"{mail['Subject']}, sent again on {at}"
    return MadeReport(match["name"], match["period"], file, title, summary_text(mail))


def read_deliveries(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Row]:
    """The rows with these ids: target, state and reason."""
    marks = ", ".join("?" * len(ids))
    return dict_rows(
        connection, f"select id, target, state, reason from deliveries where id in ({marks}) order by id", ids
    )
