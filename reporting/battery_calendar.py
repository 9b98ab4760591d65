"""A calendar with a day for each battery of a node that will be empty (RFC 5545). Pure: rows in, text out."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from ingest.db.time import parse_utc
from reporting.battery_forecast import forecast_text
from reporting.canned_queries import Row

OCTETS = 75  # of a line, without its end
ESCAPES = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"}
REMIND_DAYS = 14


def escape(text: str) -> str:
    """A value of type TEXT; control characters are left out."""
    kept = (char for char in text if char == "\n" or char.isprintable())
    return "".join(ESCAPES.get(char, char) for char in kept)


def fold(line: str) -> list[str]:
    """The lines that a content line is folded into: at most OCTETS each, never within a character."""
    parts, size = [""], 0
    for char in line:
        width = len(char.encode())
        if size + width > OCTETS:
            parts.append(" ")
            size = 1
        parts[-1] += char
        size += width
    return parts


def event_uid(site_key: str, node: int) -> str:
    """The id of the event of a node: the same whatever the forecast says, so that a calendar moves it."""
    return f"battery-{node}@{site_key}.voltkeeper"


def render_calendar(
    title: str, site_key: str, address: str, rows: Iterable[Row], timezone: str, now: float
) -> str:
    """The calendar of rows of battery_forecast that have a forecast. `now` is in unix seconds."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Voltkeeper//Batteries//EN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escape(title)}: batteries",
    ]
    for row in rows:
        if row["empty_on"] is not None:
            lines += _event(row, site_key, address, timezone, now)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in fold(line))


def _event(row: Row, site_key: str, address: str, timezone: str, now: float) -> list[str]:
    day = date.fromisoformat(row["empty_on"])
    stamp = datetime.fromtimestamp(parse_utc(row["computed_at"]), UTC)
    what = f"Battery of {row['name']} ({row['ref']})"
    level = "" if row["level"] is None else f"Level {row['level']:.10g} %. "
    text = f"{level}Empty {forecast_text(row, timezone, now)}. {row['basis']}."
    return [
        "BEGIN:VEVENT",
        f"UID:{event_uid(site_key, row['node'])}",
        f"DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{escape(what)} empty",
        f"DESCRIPTION:{escape(text)}",
        f"URL:{address}{row['href']}",
        "TRANSP:TRANSPARENT",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"TRIGGER:-P{REMIND_DAYS}D",
        f"DESCRIPTION:{escape(what)}",
        "END:VALARM",
        "END:VEVENT",
    ]
