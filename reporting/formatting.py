"""How numbers, times and durations read. Pure, apart from the clock.

An en dash stands for what is not known. A unit follows its number behind a narrow no-break space.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ingest.db import durations

UNKNOWN = "–"
NARROW_SPACE = "\u202f"
CURRENCY_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
MONTH_DAYS = 30.44


def parse_time(text: str | None) -> datetime | None:
    """A `*_at` text as an aware datetime; None where there is none or it is not a time."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC) if text else None
    except ValueError:
        return None


def plural(count: float, noun: str, ending: str = "s") -> str:
    """A count with its noun: `1 row`, `2 rows`; `ending` is that of the plural."""
    return f"{count:,} {noun}{'' if count == 1 else ending}"


def as_sentence(text: str) -> str:
    """A text with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def all_names(names: Iterable[str], count: int) -> str:
    """Names of UPSes as a list; `all 4 UPSes` where they are all of the `count` there are."""
    listed = list(dict.fromkeys(names))
    if count > 1 and len(listed) >= count:
        return "both UPSes" if count == 2 else f"all {count} UPSes"
    return ", ".join(listed)


def format_duration(seconds: float | None) -> str:
    """A duration with one unit: `45 s`, `12 min`, `5 h`, `3 d`."""
    return UNKNOWN if seconds is None else durations.format_duration(seconds)


def format_length(seconds: float | None) -> str:
    """A duration with its two greatest units: `12 s`, `2 min 05 s`, `1 h 02 min`, `3 d 4 h`."""
    if seconds is None:
        return UNKNOWN
    whole = round(max(0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole % 60 else "")
    if whole < 86_400:
        return f"{whole // 3600} h" + (f" {whole % 3600 // 60:02d} min" if whole % 3600 >= 60 else "")
    return f"{whole // 86_400} d" + (f" {whole % 86_400 // 3600} h" if whole % 86_400 >= 3600 else "")


def split_units(text: str) -> list[tuple[str, str]]:
    """The (number, unit) pairs of a length, so that pages can write its units small."""
    words = text.split()
    return list(zip(words[::2], words[1::2], strict=False))


def format_figure(value: float | None, unit: str = "") -> str:
    """A number with no more digits than it has, and its unit."""
    if value is None:
        return UNKNOWN
    return f"{value:.10g}{NARROW_SPACE}{unit}" if unit else f"{value:.10g}"


def format_computed(value: float) -> str:
    """What was computed of several values: three decimals, or as many as show three digits."""
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:.{min(10, whole + 3)}g}"


def format_span(values: Iterable[float | None], unit: str, digits: int | None = None) -> str:
    """The lowest and the highest of the values, rounded: `39 to 124 W`; one number where they are equal."""
    known = [round(value, digits) for value in values if value is not None]
    if not known:
        return UNKNOWN
    low, high = min(known), max(known)
    return format_figure(high, unit) if low == high else f"{low:.10g} to {format_figure(high, unit)}"


def format_watts(value: float | None) -> str:
    """Watts, without a fraction from 10 W on."""
    return UNKNOWN if value is None else format_figure(round(value, None if value >= 10 else 1), "W")


def format_kwh(value: float | None) -> str:
    """Energy with three decimals, so that a column lines up."""
    return UNKNOWN if value is None else f"{value:,.3f}{NARROW_SPACE}kWh"


def format_energy(value: float | None) -> str:
    """kWh for a sentence: two decimals below 10, one below 100."""
    if value is None:
        return UNKNOWN
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:,.{digits}f}"


def format_money(value: float, currency: str) -> str:
    """An amount with its sign where it has one: `€ 60.82`, `60.82 CHF`."""
    amount = f"{value:,.2f}"
    sign = CURRENCY_SIGNS.get(currency)
    return f"{sign}{NARROW_SPACE}{amount}" if sign else f"{amount}{NARROW_SPACE}{currency}"


def format_months(months: float) -> str:
    """An age in months: `19 days`, `8 months`, `2 y 4 months`; in days below two months."""
    if months < 2:
        days = round(months * MONTH_DAYS)
        return plural(days, "day") if days else "under a day"
    whole = round(months)
    years, rest = divmod(whole, 12)
    text = plural(rest, "month")
    return f"{years} y {text}" if years and rest else f"{years} y" if years else text


def format_hours(text: str) -> str:
    """The hours of a tariff, `22,23,00,01`, as spans: `22:00–02:00`."""
    hours = sorted({int(hour) for hour in text.split(",")})
    starts = [hour for hour in hours if (hour - 1) % 24 not in hours]
    spans = []
    for start in starts:
        end = start
        while end % 24 in hours:
            end += 1
        spans.append(f"{start:02d}:00–{end % 24 or 24:02d}:00")
    return ", ".join(spans) or "all"


def format_local(text: str | None, timezone: str, seconds: bool = False) -> str:
    """A UTC text as local time: `20 Nov 2026 23:19`, with seconds where they matter."""
    at = parse_time(text)
    if at is None:
        return UNKNOWN
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local:%-d %b %Y %H:%M:%S}" if seconds else f"{local:%-d %b %Y %H:%M}"


def format_clock(text: str | None, timezone: str) -> str:
    """A UTC text as local time with seconds; with the date only where it is not today."""
    at = parse_time(text)
    if at is None:
        return UNKNOWN
    local = at.astimezone(ZoneInfo(timezone))
    today = datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%-d %b %H:%M:%S}"


def format_number(value: float | None) -> str:
    """A number with thousands separated, without a trailing `.0`."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def format_bytes(number: float | None) -> str:
    """A size: `0.4 kB`, `12 MB`, `1.3 GB`."""
    if number is None:
        return UNKNOWN
    if not number:
        return "0"
    for limit, divisor, unit in ((999.5e3, 1e3, "kB"), (999.5e6, 1e6, "MB")):  # no 1000 after rounding
        if number < limit:
            return f"{number / divisor:.{1 if number / divisor < 10 else 0}f} {unit}"
    return f"{number / 1e9:.1f} GB"


def format_second(text: str | None, timezone: str) -> str:
    """A UTC text as local time to the second: `20 Nov 2026 23:19:40`."""
    at = parse_time(text)
    return f"{at.astimezone(ZoneInfo(timezone)):%-d %b %Y %H:%M:%S}" if at else UNKNOWN
