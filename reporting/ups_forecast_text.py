"""What the query ups_battery_forecast says of a battery, as text for pages. Pure."""

from datetime import date
from typing import NamedTuple

from reporting.canned_queries import Row
from reporting.formatting import format_figure, format_length

FARTHEST_DAYS = 3653  # ten years: a day further off is no more than "later"
BY_MONTH_DAYS = 60  # an interval longer than this is given in months


class ForecastTexts(NamedTuple):
    """The row of a battery, and its figures as texts, None where they are not known."""

    row: Row
    capacity: str | None
    replacement: str | None
    runtime: str | None
    tests: str | None


def forecast_texts(row: Row) -> ForecastTexts:
    """The figures of a row of ups_battery_forecast as texts."""
    return ForecastTexts(
        row, describe_capacity(row), describe_replacement(row), describe_runtime(row), describe_tests(row)
    )


def describe_replacement(row: Row) -> str | None:
    """`about Oct 2027 (Mar 2027 to Jan 2029)`, None where nothing is known."""
    if row["replace_on"] is None:
        return None
    ends = row["replace_low_on"], row["replace_high_on"]
    by_month = row["high_days"] - row["low_days"] > BY_MONTH_DAYS
    low, high = (_format_day(text, by_month) for text in ends)
    if row["low_days"] > FARTHEST_DAYS:
        return "not within ten years"
    if row["high_days"] > FARTHEST_DAYS:
        high = "later"
    between = f"({low} or later)" if high == "later" else f"({low} to {high})"
    if row["days_left"] > FARTHEST_DAYS:
        return f"in more than ten years {between}"
    middle = _format_day(row["replace_on"], by_month)
    return f"{'due since about' if row['days_left'] < 0 else 'about'} {middle} {between}"


def describe_capacity(row: Row) -> str | None:
    """`82 % (76 to 87 %)`, None where nothing is known."""
    if row["capacity"] is None:
        return None
    middle, low, high = (round(row[name]) for name in ("capacity", "capacity_low", "capacity_high"))
    return f"{format_figure(middle, '%')} ({low} to {format_figure(high, '%')})"


def describe_runtime(row: Row) -> str | None:
    """`48 min (41 min to 56 min)`, None where nothing is known."""
    if row["runtime_s"] is None:
        return None
    middle, low, high = (
        _format_runtime(row[name]) for name in ("runtime_s", "runtime_low_s", "runtime_high_s")
    )
    return f"{middle} ({low} to {high})"


def describe_tests(row: Row) -> str | None:
    """What the self-tests show side by side, None without one."""
    if not row["tests"]:
        return None
    count = f"{row['tests']} with a result, " + (
        f"{row['tests_failed']} failed" if row["tests_failed"] else "none failed"
    )
    if row["latest_fall_voltage"] is None:
        return count
    first, latest = (
        format_figure(round(row[name], 2), "V") for name in ("first_fall_voltage", "latest_fall_voltage")
    )
    return f"{count}; the voltage fell by {latest} in the latest, {first} in the first"


def _format_runtime(seconds: float) -> str:
    """To the minute from ten minutes on: no forecast is better."""
    return format_length(round(seconds, -1) if seconds < 600 else 60 * round(seconds / 60))


def _format_day(text: str, by_month: bool) -> str:
    day = date.fromisoformat(text)
    return f"{day:%b %Y}" if by_month else f"{day:%-d %b %Y}"
