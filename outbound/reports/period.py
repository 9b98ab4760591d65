"""The time of a report by mail: the last whole day, week, month or year, or the one that contains a day."""

import re
import time
from datetime import date

from ingest.config.periodic import ReportSettings
from outbound.reports.model import ReportError
from reporting.energy_period import same_part
from reporting.report_period import Period, parse_period

WEEK = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
KEYS = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}


def period_of(
    report: ReportSettings, timezone: str, of: str | None = None, now: float | None = None
) -> Period:
    """The last whole period of a report at `now`, unix seconds, or the one that contains the day `of`.

    `of` may be a day, a week, a month or a year: 2026-10-14, 2026-W42, 2026-10, 2026. Raises ReportError.
    """
    now = time.time() if now is None else now
    try:
        period = parse_period({"period": report.every, "of": _parse_week(of or "")}, timezone, None, now)
    except ValueError as error:
        raise ReportError(str(error)) from None
    if not of:
        return parse_period({"period": report.every, "of": _day_before(period)}, timezone, None, now)
    if period.since >= now:
        raise ReportError(f"{period.title} is in the future: name a day that has begun")
    return period


def _parse_week(of: str) -> str:
    """The Monday of a week, as the name of its report has it; any other text as it is."""
    match = WEEK.fullmatch(of)
    try:
        return date.fromisocalendar(int(match[1]), int(match[2]), 1).isoformat() if match else of
    except ValueError:
        return of


def _day_before(period: Period) -> str:
    return date.fromordinal(date.fromisoformat(period.first_day).toordinal() - 1).isoformat()


def period_before(period: Period, now: float) -> Period | None:
    """The period that a report is compared with; of an open one the same part of the period before."""
    before, _ = period.neighbours(now)
    if before is None or not period.is_open:
        return before
    return before._replace(until=same_part(period, before)[1])


def period_key(period: Period) -> str:
    """The name of a period: 2026-10-14, 2026-W42, 2026-10, 2026."""
    return f"{date.fromisoformat(period.first_day):{KEYS[period.per]}}"
