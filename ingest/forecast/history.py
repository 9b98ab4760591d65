"""The levels of a node by the day, divided into its discharges; what a forecast is based on. Pure.

A discharge begins after a change that was recorded, and where the level rises at once and stays up: a change
that nobody recorded, or a charge.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate, groupby
from statistics import median
from typing import NamedTuple

from ingest.forecast.courses import Earlier, earlier_of
from ingest.forecast.estimate import forecast, too_little
from ingest.forecast.knots import DayLevel

RISE, AT_ONCE = 15.0, 6.0  # per cent between the days around a rise, and from one day to the next
AROUND = 3  # days on each side
CHARGED_DAYS, CHARGES = 90, 3  # rises within these days: it is charged while in use
LOW_END, LEAST_LIFE = 15.0, 14  # per cent at its end, days: a discharge whose course is known
LEAST_FALL, MOST_EARLIER = 50.0, 3  # per cent that it lost at least; discharges that are compared
LONGEST_DAYS = 3650
WIDEST, NEAR_DAYS = 1.0, 21  # times the days left; an end within these days has a forecast (BATTERY_DUE)


class Prediction(NamedTuple):
    """Days from the last level to 0 with an interval of 80 %; where they are None `basis` says why."""

    days: float | None
    low: float | None
    high: float | None
    method: str | None
    basis: str


def days_of(rows: Iterable[tuple[str, float, int]]) -> list[DayLevel]:
    """Days from (date, level, how often) in the order of both."""
    found = []
    for day, levels in groupby(rows, key=lambda row: row[0]):
        counted = [(level, count) for _, level, count in levels]
        half = sum(count for _, count in counted) / 2
        sums = accumulate(count for _, count in counted)
        middle = next(level for (level, _), seen in zip(counted, sums, strict=True) if seen >= half)
        found.append(DayLevel(date.fromisoformat(day).toordinal(), middle, counted[0][0]))
    return found


def discharges(days: Sequence[DayLevel], changes: Iterable[str] = ()) -> list[list[DayLevel]]:
    """The days of each discharge; `changes` are dates. The day of a change has levels of both batteries."""
    changed = {date.fromisoformat(change[:10]).toordinal() for change in changes}
    found: list[list[DayLevel]] = [[]]
    last = float("-inf")
    for index, day in enumerate(days):
        if any(last < change <= day.day for change in changed):
            found.append([])
        elif _rises(days, index):
            if len(found[-1]) < AROUND:
                found[-1].clear()  # a rise that takes more than one day
            else:
                found.append([])
        last = day.day
        if day.day not in changed:
            found[-1].append(day)
    if any(change > last for change in changed):
        found.append([])
    return [part for part in found[:-1] if part] + [found[-1]]


def _rises(days: Sequence[DayLevel], index: int) -> bool:
    before, after = days[max(0, index - AROUND) : index], days[index : index + AROUND]
    if not before or days[index].level - days[index - 1].level < AT_ONCE:
        return False
    return median(day.level for day in after) - median(day.level for day in before) >= RISE


def predict(
    parts: Sequence[Sequence[DayLevel]], chemistry: str = "", alike: Sequence[Earlier] = ()
) -> Prediction:
    """The prediction for the last of these discharges; those before it show how this node's go.

    `alike` are discharges of other nodes with its sketch.
    """
    days = parts[-1]
    if days and days[-1].level <= 0:
        return _emptied(days)
    reason = _too_little(parts)
    if reason:
        return _nothing(reason)
    own = earlier_discharges(parts[:-1])
    found = forecast(days, chemistry, own, alike)
    if found.days > LONGEST_DAYS:
        return _nothing("its level falls too slowly: more than ten years are left")
    if found.days > NEAR_DAYS and found.high - found.low > WIDEST * found.days:
        return _nothing(
            f"its levels so far agree with an end {found.low:.0f} to {found.high:.0f} days after the last: "
            "too uncertain for a forecast"
        )
    basis = _basis(days, chemistry, own, alike)
    return Prediction(found.days, found.low, found.high, found.course, basis)


def _emptied(days: Sequence[DayLevel]) -> Prediction:
    """For a level that has come to 0: the day when it did."""
    above = [day.day for day in days if day.lowest > 0]
    emptied = next(day for day in days if not above or day.day > above[-1])
    back = emptied.day - days[-1].day
    return Prediction(back, back, back, "reached", f"its level is 0 since {_date(emptied)}")


def _too_little(parts: Sequence[Sequence[DayLevel]]) -> str:
    """Why these discharges allow no forecast, or ""."""
    if not any(parts):
        return "no battery level with its time was reported"
    newest = max(part[-1].day for part in parts if part)
    begins = [part[0].day for part in parts[1:] if part]
    if sum(newest - begin < CHARGED_DAYS for begin in begins) >= CHARGES:
        return "its battery is charged again and again"
    days = parts[-1]
    if not days:
        return "no level was reported since its battery was changed"
    reason = too_little(days)
    return f"since {_date(days[0])}: {reason}" if reason else ""


def earlier_discharges(parts: Sequence[Sequence[DayLevel]]) -> list[Earlier]:
    """The last discharges that ended low, so that their course is known."""
    found = []
    for part in parts:
        is_ended = len(part) > 2 and part[-1].level <= LOW_END
        if is_ended and part[-1].day - part[0].day >= LEAST_LIFE:
            found.append(part)
    whole = [part for part in found if part[0].level - part[-1].level >= LEAST_FALL]
    return [earlier_of([(day.day, day.level) for day in part]) for part in whole[-MOST_EARLIER:]]


def _basis(days: Sequence[DayLevel], chemistry: str, own: Sequence[Earlier], alike: Sequence[Earlier]) -> str:
    many = "discharge" if len(alike) == 1 else "discharges"
    parts = [
        f"levels of {len(days)} days since {_date(days[0])}, {days[0].level:.0f} to {days[-1].level:.0f} %",
        f"{chemistry} as set" if chemistry else "",
        f"the one before lasted {own[-1].life:.0f} days" if own else "",
        f"{len(alike)} {many} of nodes with its sketch" if alike else "",
    ]
    return "; ".join(part for part in parts if part)


def _date(day: DayLevel) -> str:
    return date.fromordinal(int(day.day)).isoformat()


def _nothing(reason: str) -> Prediction:
    return Prediction(None, None, None, None, reason)
