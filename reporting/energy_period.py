"""What /energy says of a period: its steps, the same part of the period before, the usual day. Pure.

Figures come from the canned queries energy_by_day and energy_by_hour; nothing is filled where nothing was
measured.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.db.time import parse_utc
from reporting.canned_queries import Row
from reporting.charts import Bar, BarChart, BarData, draw_bars
from reporting.energy import EnergyPeriod, by_period, totals
from reporting.formatting import all_names, format_length, format_money
from reporting.periods import LocalPeriod, local_periods
from reporting.report_period import CUSTOM, HOURS_S, MOST_YEARS, YEAR_S, Period

USUAL_S = 30 * 86_400  # what the usual day of a day is counted from
DAYS_S = 100 * 86_400  # of a time of its own that is shown by the day; longer ones by the month
ENOUGH = 90.0  # per cent measured of both periods, so that they compare
SHORT = {"hour": "%H", "day": "%-d", "month": "%b"}  # below the bars, by the step of a period
LONG = {"hour": "%a %-d %b %H:%M", "day": "%a %-d %b %Y", "month": "%B %Y"}
WEEKDAY = "%a"
GAP_S = 60  # less than this not measured counts for nothing
GAPS = 3  # that are named


class EnergyComparison(NamedTuple):
    """kWh of the period and of the same part of the one before, and what of them was measured, per cent.

    `until` and `before_until` are where both parts end, unix seconds: a whole hour, as energy is stored by
    the hour.
    """

    kwh: float
    before_kwh: float
    coverage: float
    before_coverage: float

    @property
    def comparable(self) -> bool:
        """True where both were measured nearly all of the time."""
        return min(self.coverage, self.before_coverage) >= ENOUGH and self.before_kwh > 0

    @property
    def per_cent(self) -> int:
        """How much more the period has, per cent of the one before."""
        return round(100 * (self.kwh / self.before_kwh - 1))


def step_of(period: Period) -> str:
    """The time of a bar."""
    if period.per != CUSTOM:
        return period.step
    span = period.until - period.since
    return "hour" if span <= HOURS_S else "day" if span <= DAYS_S else "month"


def before(period: Period, now: float) -> Period:
    """The period before, or as long a time before a time of its own."""
    found, _ = period.neighbours(now)
    if found is not None:
        return found
    since = max(0.0, period.since - min(period.until - period.since, MOST_YEARS * YEAR_S))
    return Period(CUSTOM, since, period.since, period.since, period.timezone)


def after(period: Period, now: float) -> Period | None:
    """The period after it, or as long a time after a time of its own; None where that is in the future."""
    if period.is_open or period.until >= now:
        return None
    _, found = period.neighbours(now)
    if found is not None:
        return found
    until = min(now, period.until + min(period.until - period.since, MOST_YEARS * YEAR_S))
    return Period(CUSTOM, period.until, until, until, period.timezone)


def same_part(period: Period, earlier: Period) -> tuple[float, float]:
    """Where the parts of both periods end that compare: the last whole hour, by the local calendar."""
    if not period.is_open:
        return period.until, earlier.end
    until = local_periods("hour", period.until, period.until + 1, period.timezone)[0].start
    zone = ZoneInfo(period.timezone)
    first, last = (datetime.fromtimestamp(at, zone) for at in (earlier.since, until))
    if period.per == "year":
        day = _same_day(last.date(), first.year)
    else:
        passed = last.date() - datetime.fromtimestamp(period.since, zone).date()
        day = first.date() + passed
    at = datetime.combine(day, last.time(), zone).timestamp()
    return max(until, period.since), max(earlier.since, min(at, earlier.end))


def _same_day(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return day.replace(year=year, day=28)


def compare(
    rows: Iterable[Row], earlier: Iterable[Row], spans: tuple[float, float], upses: int
) -> EnergyComparison | None:
    """Rows of energy_by_day of both parts, `spans` seconds long; None where one of them is empty.

    What counts is the time of all UPSes that there are now: one that came later was not measured before.
    """
    houses = [totals(part).get("House") for part in (rows, earlier)]
    kwh = [house.kwh if house else None for house in houses]
    if kwh[0] is None or kwh[1] is None or not all(spans) or not upses:
        return None
    shares = [
        min(100.0, 100 * house.covered_s / (span * upses)) if house else 0.0
        for house, span in zip(houses, spans, strict=True)
    ]
    return EnergyComparison(kwh[0], kwh[1], shares[0], shares[1])


@dataclass(frozen=True)
class EnergySteps:
    """The steps of a period, the oldest first, and the rows of each: None where nothing is known."""

    step: str
    periods: list[LocalPeriod]
    found: list[EnergyPeriod | None]

    def values(self, names: Sequence[str], column: str) -> list[list[float | None]]:
        """A column of each UPS by step."""
        return [
            [None if one is None or name not in one.upses else one.upses[name][column] for name in names]
            for one in self.found
        ]

    def house(self, column: str) -> list[float | None]:
        """A column of all UPSes together by step."""
        return [None if one is None else one.site[column] for one in self.found]


def steps_of(rows: Sequence[Row], period: Period) -> EnergySteps:
    """The rows of energy_by_day of a period in order, with the steps of which there are none."""
    step = step_of(period)
    starts = local_periods(step, period.since, max(period.end, period.since + 1), period.timezone)
    known = {round(parse_utc(one.site["starts_at"])): one for one in by_period(rows)}
    return EnergySteps(step, starts, [known.get(round(one.start)) for one in starts])


def draw_steps(
    steps: EnergySteps,
    earlier: EnergySteps,
    names: Sequence[str],
    labels: Sequence[str],
    money: str | None,
    ghost_label: str,
    timezone: str,
    now: float,
) -> BarChart | None:
    """Bars stacked by UPS, those of the period before behind them, what was measured below them.

    `money` is the currency, where the bars are costs.
    """
    zone = ZoneInfo(timezone)
    column, digits = ("cost", 2) if money else ("kwh", 3)
    week = steps.step == "day" and len(steps.periods) == 7
    bars = []
    for one, values in zip(steps.periods, steps.values(names, column), strict=True):
        at = datetime.fromtimestamp(one.start, zone)
        mark = "now" if one.start <= now < one.end else ""
        if mark and steps.step == "day":
            mark = "today"
        text = f"{at:{WEEKDAY if week else SHORT[steps.step]}}"
        bars.append(Bar(text, f"{at:{LONG[steps.step]}}", values, mark))
    ghost = _aligned(steps, earlier, column, zone)
    behind = f"; grey is {ghost_label}" if any(ghost) else ""
    return draw_bars(
        BarData(
            f"Per {steps.step}",
            money or "kWh",
            labels,
            bars,
            ghost=ghost,
            measured=[None if share is None else share / 100 for share in steps.house("coverage")],
            ghost_label=ghost_label,
            digits=digits,
            caption=f"stacked by UPS{behind}; the line below shows what was measured",
        )
    )


def _aligned(steps: EnergySteps, earlier: EnergySteps, column: str, zone: ZoneInfo) -> list[float | None]:
    """The values of the period before beside those of this one; hours by the clock, for days of 23 and 25."""
    before_them = earlier.house(column)
    if steps.step != "hour":
        return (before_them + [None] * len(steps.periods))[: len(steps.periods)]
    by_hour: dict[int, float | None] = {}
    for one, value in zip(earlier.periods, before_them, strict=True):
        by_hour.setdefault(_hour(one, earlier, zone), value)
    return [by_hour.get(_hour(one, steps, zone)) for one in steps.periods]


def _hour(one: LocalPeriod, steps: EnergySteps, zone: ZoneInfo) -> int:
    """Which hour of the local calendar it is since the first day of the steps."""
    at, first = (datetime.fromtimestamp(start, zone) for start in (one.start, steps.periods[0].start))
    return 24 * (at.date() - first.date()).days + at.hour


class Share(NamedTuple):
    """What of the energy went to a UPS; `per_cent` of all, None where nothing is known."""

    name: str
    kwh: float | None
    cost: float | None
    currency: str | None
    per_cent: float | None
    coverage: float | None


def shares_of(rows: Sequence[Row]) -> list[Share]:
    """The UPSes of energy_by_day, the greatest first."""
    found = totals(rows)
    house = found.pop("House", None)
    whole = house.kwh if house else None
    shares = [
        Share(
            name,
            one.kwh,
            one.cost,
            one.currency,
            100 * one.kwh / whole if whole and one.kwh is not None else None,
            one.coverage,
        )
        for name, one in found.items()
    ]
    return sorted(shares, key=lambda share: -(share.kwh or 0))


def measured_runs(steps: EnergySteps, name: str) -> list[tuple[float, float]]:
    """Where of a period the time of a UPS was measured: (start, width) in per cent of it.

    Within a step it is not known when: its share stands at its start, or at its end if measuring began in it.
    """
    first, last = steps.periods[0].start, steps.periods[-1].end
    shares = [one.upses[name]["covered_s"] if one and name in one.upses else 0 for one in steps.found]
    runs: list[tuple[float, float]] = []
    for one, before, covered, after in zip(
        steps.periods, [0, *shares], shares, [*shares[1:], 0], strict=False
    ):
        if not covered:
            continue
        begin = one.end - covered if after and not before else one.start
        start, width = (100 * part / (last - first) for part in (begin - first, covered))
        if runs and start - sum(runs[-1]) < GAP_S / (last - first) * 100:
            start, width = runs[-1][0], start + width - runs.pop()[0]
        runs.append((round(start, 3), round(width, 3)))
    return runs


class Gap(NamedTuple):
    """A step in which some of the time was not measured: its title, the seconds of the UPSes that miss it."""

    title: str
    missing_s: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """Seconds of the UPS that misses most."""
        return max(self.missing_s.values())


def greatest_gaps(steps: EnergySteps, timezone: str) -> list[Gap]:
    """Steps with most time that was not measured, the oldest first."""
    zone, gaps = ZoneInfo(timezone), []
    for one, found in zip(steps.periods, steps.found, strict=True):
        missing = {
            name: row["uncovered_s"]
            for name, row in (found.upses.items() if found else ())
            if row["uncovered_s"] >= GAP_S
        }
        if missing:
            gaps.append(
                (one.start, Gap(f"{datetime.fromtimestamp(one.start, zone):{LONG[steps.step]}}", missing))
            )
    worst = sorted(gaps, key=lambda gap: -gap[1].seconds)[:GAPS]
    return [gap for _, gap in sorted(worst, key=lambda gap: gap[0])]


def describe_gap(gap: Gap, labels: Mapping[str, str], count: int) -> str:
    """`12 Nov: no data for 7 h (Garage, Desk)`; `count` UPSes there are."""
    names = all_names([labels.get(name, name) for name in gap.missing_s], count)
    return f"{gap.title}: no data for {format_length(gap.seconds)} ({names})"


def greatest_step(steps: EnergySteps, timezone: str) -> tuple[str, float] | None:
    """The title and the kWh of the step with most energy."""
    zone = ZoneInfo(timezone)
    found = [
        (kwh, one.start)
        for one, kwh in zip(steps.periods, steps.house("kwh"), strict=True)
        if kwh is not None
    ]
    if not found:
        return None
    kwh, start = max(found)
    return f"{datetime.fromtimestamp(start, zone):{LONG[steps.step]}}", kwh


def usual_since(period: Period) -> float:
    """From when on the usual day of a period is counted: longer than a day."""
    return period.since if period.per != "day" else max(0.0, period.until - USUAL_S)


def draw_usual_day(rows: Sequence[Row], per: str) -> BarChart | None:
    """The mean kWh of each hour of the day, coloured by its tariff; rows of energy_by_hour."""
    if not rows:
        return None
    hours = {f"{number:02d}": [row for row in rows if int(row["hour"]) == number] for number in range(24)}
    kinds = {hour: _tariff_text(found) for hour, found in hours.items() if found}
    labels = [kind for kind, _ in Counter(kinds.values()).most_common()]
    bars = []
    for number, (hour, found) in enumerate(hours.items()):
        kwh = sum({row["ups"]: row["mean_kwh"] for row in found}.values())
        values = [kwh if kinds.get(hour) == label else None for label in labels]
        bars.append(Bar(hour if number % 6 == 0 else "", f"{hour}:00 to {number + 1:02d}:00", values))
    caption = f"mean per hour{' of 30 days' if per == 'day' else ''}, all UPSes; "
    caption += "colour is the tariff" if len(labels) > 1 else labels[0]
    return draw_bars(BarData("The usual day", "kWh", labels, bars, digits=3, caption=caption))


def _tariff_text(rows: Sequence[Row]) -> str:
    """What a kWh costs in an hour of the day."""
    tariffs = {row["tariff"]: row for row in rows}
    if len(tariffs) > 1:
        return "several tariffs"
    row = rows[0]
    return (
        "no tariff"
        if row["tariff"] is None
        else f"{format_money(row['price_per_kwh'], row['currency'])} a kWh"
    )


def name_period(period: Period, now: float) -> str:
    """The period as a part of a sentence: `November`, `week 48`, `29 November`; with a year that is past."""
    zone = ZoneInfo(period.timezone)
    start, today = (datetime.fromtimestamp(at, zone) for at in (period.since, now))
    year = "" if start.year == today.year else f" {start.year}"
    if period.per == "month":
        return f"{start:%B}{year}"
    if period.per == "week":
        return f"week {start.isocalendar()[1]}{year}"
    if period.per == "day":
        return f"{start:%-d %B}{year}"
    if period.per == "year":
        return f"{start:%Y}"
    return "the chosen time"
