"""Whether a value rises or falls now, and since when. Pure.

It rises since its last turn where it has risen since then by a quarter of the range of its last day, never
fell back by more than a tenth of that on the way, was highest within the last hour, and did so for an hour or
more and over four values or more without a gap.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reporting.charts.model import Point, cut_at_gaps

DAY_S, LEAST_S = 86_400, 3600
LEAST_POINTS = 4
MOVED, BACK = 0.25, 0.1  # of the range of the day


class Trend(NamedTuple):
    """The direction of a value, and since when: the unix time of its turn."""

    word: str  # rising, falling
    since: float

    def describe(self, timezone: str, now: float, about: bool) -> str:
        """`Rising since about 06:10.`, with the day where that is not today; `about` of means of hours."""
        zone = ZoneInfo(timezone)
        since, today = datetime.fromtimestamp(self.since, zone), datetime.fromtimestamp(now, zone)
        day = "" if since.date() == today.date() else f"{since:%-d %b} "
        return f"{self.word.capitalize()} since {'about ' if about else ''}{day}{since:%H:%M}."


def find_trend(points: Sequence[Point], now: float) -> Trend | None:
    """The trend of a line, oldest point first; None where it has none, or ends too long ago."""
    recent = cut_at_gaps([point for point in points if point.at > now - DAY_S])
    if not recent or now - recent[-1][-1].at > LEAST_S:
        return None
    means = [point.mean for piece in recent for point in piece]
    whole = max(means) - min(means)
    if not whole:
        return None
    last = recent[-1]
    for word, sign in (("rising", 1), ("falling", -1)):
        turn = _last_turn([sign * point.mean for point in last], BACK * whole)
        since = last[turn:]
        moved = sign * (since[-1].mean - since[0].mean)
        _, peak_at = max((sign * point.mean, point.at) for point in since)
        is_long = len(since) >= LEAST_POINTS and since[-1].at - since[0].at >= LEAST_S
        if moved >= MOVED * whole and is_long and since[-1].at - peak_at <= LEAST_S:
            return Trend(word, since[0].at)
    return None


def _last_turn(values: Sequence[float], back: float) -> int:
    """The place of the lowest value from which on the values never fall back by more than `back`."""
    lowest = len(values) - 1
    least_later = values[-1]
    for place in range(len(values) - 2, -1, -1):
        if values[place] - least_later > back:
            break
        least_later = min(least_later, values[place])
        if values[place] < values[lowest]:
            lowest = place
    return lowest
