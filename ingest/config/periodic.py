"""The sections `reports:` and `schedule:` of config.yml: what is done every day, week, month or year."""

from dataclasses import dataclass, field
from typing import Literal

from ingest.config.checks import Problems, check_name, check_that, check_time

Every = Literal["day", "week", "month", "year"]
# Names of other jobs, and of what else is below /-/maintenance.
RESERVED = (
    "prune",
    "measure",
    "backup",
    "quick_check",
    "check",
    "optimize",
    "compact",
    "clock-is-right",
)


@dataclass(frozen=True)
class ReportSettings:
    """A report that goes by mail at a local time of the first day after its period.

    With `query`, a canned query's rows; else the figures of `/reports`, of all UPSes or those of `ups`.
    The newest `keep` stay in `reports/` beside the database.
    """

    name: str
    every: Every
    to: tuple[str, ...]
    at: str = "07:00"
    keep: int = 24
    ups: tuple[str, ...] = ()
    query: str = ""
    params: dict[str, str] = field(default_factory=dict)
    only_if_rows: bool = False
    csv: bool = False

    def check(self) -> Problems:
        """Yield what is wrong with single values."""
        yield from check_name(self.name)
        yield from check_job_name(self.name)
        yield from check_time(self.at)
        yield from check_that(1 <= self.keep <= 1000, "keep", "has to be 1 to 1000 reports")
        yield from check_that(bool(self.to), "to", "names no target")
        yield from check_that(
            bool(self.query) or not (self.params or self.only_if_rows),
            "params" if self.params else "only_if_rows",
            "belongs to a report with query",
        )


@dataclass(frozen=True)
class ScheduledCommand:
    """A command of a UPS at a local time: on `weekday` of a week, `day` of a month, or that of `month`.

    In a month that has no such day it is the last one.
    """

    name: str
    every: Every
    ups: str
    command: str
    at: str = "10:00"
    day: int = 1
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    month: int = 1

    def check(self) -> Problems:
        """Yield what is wrong with single values."""
        yield from check_name(self.name)
        yield from check_job_name(self.name)
        yield from check_time(self.at)
        yield from check_that(1 <= self.day <= 31, "day", "has to be 1 to 31; 31 is the last of each month")
        yield from check_that(1 <= self.month <= 12, "month", "has to be 1 to 12")
        of_period = (
            ("weekday", self.weekday != "monday", ("week",)),
            ("day", self.day != 1, ("month", "year")),
            ("month", self.month != 1, ("year",)),
        )
        for key, is_set, periods in of_period:
            problem = f"belongs to every: {' or '.join(periods)}; this is every {self.every}"
            yield from check_that(not is_set or self.every in periods, key, problem)


def check_job_name(name: str) -> Problems:
    """A report and a scheduled command are jobs, which all have names of their own."""
    return check_that(
        name not in RESERVED, "name", f"{name!r} is the name of a maintenance job: choose another one"
    )
