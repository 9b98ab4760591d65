"""What pages, calendars and mails say of a row of the query battery_forecast. Pure."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from ingest.db.time import parse_utc
from ingest.forecast.text import about
from reporting.canned_queries import Row


def forecast_text(row: Row, timezone: str, now: float) -> str:
    """The day on which it will be empty, `about 3 May (20 April to 25 May)`; "" without a forecast.

    `now` is in unix seconds.
    """
    if row["empty_at"] is None:
        return ""
    zone = ZoneInfo(timezone)
    days = [_day(row[name], zone) for name in ("empty_at", "low_at", "high_at")]
    return about(days[0], days[1], days[2], datetime.fromtimestamp(now, zone).date())


def _day(at: str, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(parse_utc(at), zone).date()
