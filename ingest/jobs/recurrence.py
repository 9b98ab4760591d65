"""When something recurs: a local time of every day, week, month or year. Pure.

A time that the clock change leaves out (02:30 when it goes from 2 to 3) counts an hour later; one that comes
twice counts at its first.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month", "year"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Recurrence:
    """A local time `at` (`03:00`) of every `every`.

    `weekday` is that of a week, 0 for Monday; `day` that of a month, in a shorter month its last one; `month`
    that of a year.
    """

    every: Period
    at: str
    timezone: str
    weekday: int = 0
    day: int = 1
    month: int = 1

    @property
    def text(self) -> str:
        """`every month on day 1 at 10:00, Europe/Rome`: two that differ in their times differ in it."""
        days = {
            "day": "",
            "week": f" on {WEEKDAYS[self.weekday].capitalize()}",
            "month": f" on day {self.day}",
            "year": f" on {self.day} {calendar.month_name[self.month]}",
        }
        return f"every {self.every}{days[self.every]} at {self.at}, {self.timezone}"

    def last(self, now: float) -> float:
        """Return the unix seconds of the newest of its times that is not after `now`."""
        return max(instant for instant in self._instants(now) if instant <= now)

    def following(self, now: float) -> float:
        """Return the unix seconds of the first of its times after `now`."""
        return min(instant for instant in self._instants(now) if instant > now)

    def _instants(self, now: float) -> Iterator[float]:
        """Unix seconds of its times around `now`: at least one before and one after it."""
        zone = ZoneInfo(self.timezone)
        today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
        wanted = time.fromisoformat(self.at)
        for number in range(-2, 3):
            yield datetime.combine(self._date(today, number), wanted, zone).timestamp()

    def _date(self, today: date, number: int) -> date:
        """The date in the period that is `number` after the one of `today`."""
        if self.every == "day":
            return today + timedelta(number)
        if self.every == "week":
            return today + timedelta(7 * number + self.weekday - today.weekday())
        if self.every == "month":
            year, month = divmod(12 * today.year + today.month - 1 + number, 12)
            return _date_within(year, month + 1, self.day)
        return _date_within(today.year + number, self.month, self.day)


def _date_within(year: int, month: int, day: int) -> date:
    """The date, or the last one of a month that is shorter."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
