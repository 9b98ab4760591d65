"""A forecast as text: `about 3 May (20 April to 25 May)`. Pure."""

from datetime import date


def about(empty: date, low: date, high: date, today: date) -> str:
    """The likely day, and the interval in which it lies in four of five cases; years where not this one."""
    if low == empty == high:
        return f"on {_day(empty, today)}"
    return f"about {_day(empty, today)} ({_day(low, today)} to {_day(high, today)})"


def _day(day: date, today: date) -> str:
    return f"{day.day} {day:%B}" + (f" {day.year}" if day.year != today.year else "")
