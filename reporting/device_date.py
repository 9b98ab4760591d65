"""A date as a UPS writes it, for people. Pure."""

from datetime import date

from ingest.ups.battery_date import parse_date
from reporting.formatting import MONTH_DAYS, format_months


def describe_device_date(text: str, today: date) -> str:
    """`25 Sep 2001, 25 y 2 months` of `2001/09/25`; what is no date as it was sent."""
    found = parse_date(text)
    if found is None:
        return f"“{text}”"
    passed = (today - found).days
    written = f"{found:%-d %b %Y}"
    return f"{written}, {format_months(passed / MONTH_DAYS)}" if passed >= 0 else f"{written}, in the future"
