"""The forecast of one battery: which courses agree with the levels so far, and when they end. Pure.

Each course of `ingest.forecast.courses` is laid over the levels at several places that the battery may have
reached on it, with the scale that fits best; how well each agrees is its weight, and the ends of all of them,
weighted, are the forecast. What no course knows (a colder winter, a sensor that reports more often) widens
the interval by a share of the days left.

Where no earlier discharge is known and the end is not far, a network that was trained on discharges of many
kinds (`ingest.forecast.network`) gives the days: it knows how far off a forecast may be. For a level that is
counted, whose course shows at once, the forecast lies halfway between its days and those of the courses.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from ingest.forecast.courses import LEFT_AT, STEPS, Course, Earlier, course_of, courses_for, of_gauge
from ingest.forecast.knots import DayLevel, Knot, counts_down, knots_of
from ingest.forecast.network import days_left

LEAST_DAYS, LEAST_SPAN, LEAST_LOST = 5, 7.0, 3.0  # days with levels, days, per cent: at least
COARSE, FINE = (0.15, 0.85), 7  # places beside the middle that are tried on a course; on those that agree
COARSE_KNOTS = 5
NEAR = 3.0  # errors of the newest level: places beyond are not tried
FULL = 99.5  # per cent: a level that may have been cut off at 100
OUTSIDE = 3.0  # errors: a course that is further off is not tried
HOPELESS, UNLIKELY = 16.0, 7.0  # less than the best by this logarithm: left out
USUAL_LOG = -0.6  # of a level that agrees with a course
EVEN_DAYS = 3.0  # days left: beyond, each scale of the days left is as likely as another before
LIFE_DAYS, LIFE_SPREAD = 180.0, 1.0  # of any battery of a node; the spread is of its logarithm
OWN_SPREAD, ALIKE_SPREAD = 0.4, 0.7  # of lives of the same node, of nodes with the same sketch
OWN, ALIKE = "its own earlier discharge", "a discharge of a node with its sketch"
OWN_WEIGHT, ALIKE_WEIGHT = 3.0, 1.5  # of these courses, where all others have 1 together
FUTURE_SPREAD, FUTURE_DAY = (
    0.05,
    0.25,
)  # of the logarithm of the days left: what changes later; of a single day
ADDED_DAYS = 0.6  # of a day: levels are whole per cents and come at some hour
FLUCTUATION = 1.0  # per cent: the first 0 comes with a fluctuation, sooner or later than the course
COUNTED = 0.3  # of that: a level that is counted does not fluctuate
LOW, HIGH = 0.1, 0.9  # of the weight
NORMAL = (-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645)  # deciles' middles
LATELY = "as in its last days"
LATELY_SHARE, LATELY_FALL, LATELY_FROM = 0.25, 4.0, 0.85  # of the weight; per cent at least; of the span
LATELY_TIMES = (0.85, 1.0, 1.18)  # so far the slope of some days may be off
LATELY_DAYS = 45.0  # where the end is further away, the courses tell more
TEMPER = 0.5  # of the logarithm: errors of knots are not independent, and courses are few
BIN = 0.02  # of the logarithm of the days left
LONGEST, FARTHEST = 1100.0, 600.0  # days of the levels, of the high end: the network knows none beyond
DAY_PART = 0.5  # of a day at each end: an interval that is told by its dates holds both of them
OWN_PART = 0.63  # of an interval, by its logarithm: a node's own earlier discharge tells more than courses do
LOG_DAYS = 2.0  # that are added before logarithms of days are taken


class Forecast(NamedTuple):
    """Days from the last level until it is 0: the median and an interval of 80 %; the likeliest course."""

    days: float
    low: float
    high: float
    course: str


class Fit(NamedTuple):
    """A course laid over the levels: the share of its time at the last of them, and its weight before."""

    name: str
    now: float
    log_likelihood: float
    weight: float


def too_little(days: Sequence[DayLevel]) -> str:
    """Why these days are too few for a forecast, or ""."""
    if len(days) < LEAST_DAYS:
        return (
            f"levels of {len(days)} {'day' if len(days) == 1 else 'days'}: at least {LEAST_DAYS} are needed"
        )
    span = days[-1].day - days[0].day
    if span < LEAST_SPAN:
        return f"levels of {span:.0f} days: at least {LEAST_SPAN:.0f} are needed"
    first, last = (median(day.level for day in part) for part in (days[:3], days[-3:]))
    if first - last < LEAST_LOST:
        return f"the level fell by {max(0.0, first - last):.0f} %: at least {LEAST_LOST:.0f} % are needed"
    return ""


def forecast(
    days: Sequence[DayLevel],
    chemistry: str = "",
    own: Sequence[Earlier] = (),
    alike: Sequence[Earlier] = (),
) -> Forecast:
    """The forecast from days for which `too_little` is "".

    `chemistry` is one of BATTERY_TYPES or "". `own` are earlier discharges of this node, `alike` those of
    other nodes with its sketch: the network does not know these.
    """
    found = _by_courses(days, chemistry, own, alike)
    if own:
        return Forecast(found.days, _part(found.days, found.low), _part(found.days, found.high), found.course)
    if alike or days[-1].day - days[0].day > LONGEST:
        return found
    low, middle, high = days_left(days, chemistry)
    if high > FARTHEST:
        return found
    if counts_down(days):
        low, middle, high = _between(found.low, low), _between(found.days, middle), _between(found.high, high)
        return Forecast(middle, low, high, found.course)
    return Forecast(middle, min(middle, low + DAY_PART), max(middle, high - DAY_PART), found.course)


def _part(days: float, end: float) -> float:
    """An end of the interval, moved towards the days left, by their logarithms."""
    return max(0.0, (days + LOG_DAYS) * ((end + LOG_DAYS) / (days + LOG_DAYS)) ** OWN_PART - LOG_DAYS)


def _between(left: float, other: float) -> float:
    """The mean of two numbers of days left, by their logarithms."""
    return math.sqrt((left + LOG_DAYS) * (other + LOG_DAYS)) - LOG_DAYS


def _by_courses(
    days: Sequence[DayLevel], chemistry: str, own: Sequence[Earlier], alike: Sequence[Earlier]
) -> Forecast:
    span = days[-1].day - days[0].day
    knots = knots_of(days)
    life, spread = _life(own, alike)
    courses = list(courses_for(chemistry))
    fluctuation = FLUCTUATION / max(1.0, knots[0].level)
    if counts_down(days):
        fluctuation *= COUNTED
        courses = [(course, of_gauge(course, weight, chemistry)) for course, weight in courses]
    courses += [(course_of(OWN, one, 0.0), OWN_WEIGHT / len(own)) for one in own]
    courses += [(course_of(ALIKE, one, 0.0), ALIKE_WEIGHT / len(alike)) for one in alike]
    fits = _fits(courses, knots, OUTSIDE) or _fits(courses, knots, math.inf)
    misfit = max(1.0, max(fit.log_likelihood for fit in fits) / (USUAL_LOG * len(knots)))
    ends = []
    for fit in fits:
        log = TEMPER * fit.log_likelihood / misfit + math.log(fit.weight)
        log -= (math.log(span / fit.now / life) / spread) ** 2 / 2
        left = span * (1 - fit.now) / fit.now
        ends.append((left, log - math.log(left + EVEN_DAYS), fit.name))
    left_lately = _as_lately(knots, span)
    if left_lately is not None:
        most = max(log for _, log, _ in ends)
        total = math.log(sum(math.exp(log - most) for _, log, _ in ends)) + most
        each = total + math.log(LATELY_SHARE / (1 - LATELY_SHARE) / len(LATELY_TIMES))
        ends += [(times * left_lately, each, LATELY) for times in LATELY_TIMES]
    return _summary(ends, fluctuation)


def _as_lately(knots: Sequence[Knot], span: float) -> float | None:
    """Days left where the level goes on falling as it has lately; None where they are many or not known.

    No course knows every gauge: tables of sketches have kinks, and what follows them is a straight line.
    """
    last = knots[0]
    for knot in knots[1:]:
        fall = knot.level - last.level
        if knot.place < LATELY_FROM:
            return None
        if fall >= max(LATELY_FALL, 3 * math.hypot(knot.error, last.error)):
            per_day = fall / ((last.place - knot.place) * span)
            left = (last.level - LEFT_AT) / per_day - (1 - last.place) * span
            return max(0.5, left) if left <= LATELY_DAYS else None
    return None


def _life(own: Sequence[Earlier], alike: Sequence[Earlier]) -> tuple[float, float]:
    """How long a battery lasts, before any level was seen, and by how much (ln) that differs."""
    if own:
        return median(one.life for one in own), OWN_SPREAD
    if alike:
        return median(one.life for one in alike), ALIKE_SPREAD
    return LIFE_DAYS, LIFE_SPREAD


def _fits(courses: Sequence[tuple[Course, float]], knots: Sequence[Knot], outside: float) -> list[Fit]:
    """The places on the courses that agree with the levels."""
    few = knots[:: max(1, len(knots) // COARSE_KNOTS)]
    coarse, best = [], -math.inf
    for course, weight in courses:
        low, width = _near(course, knots[0])
        if _may_agree(course, few, low, low + width, outside):
            found = _agreement(course, few, low + width / 2)
            if found < best - HOPELESS:
                continue
            for place in COARSE:
                found = max(found, _agreement(course, few, low + width * place))
            best = max(best, found)
            coarse.append((found, course, weight * width / FINE, low, width / FINE))
    fits, top = [], -math.inf
    for found, course, weight, low, step in coarse:
        if found > best - UNLIKELY:
            for place in range(FINE):
                now = low + step * (place + 0.5)
                log = _agreement(course, knots, now)
                top = max(top, log)
                fits.append(Fit(course.name, now, log, weight))
    return [fit for fit in fits if fit.log_likelihood > top - UNLIKELY]


def _may_agree(course: Course, knots: Sequence[Knot], low: float, high: float, outside: float) -> bool:
    """Whether every level lies in the range that the course allows between these two places."""
    levels, wide = course.levels, 1 + 1.5 * course.spread
    for place, level, error in knots:
        beyond = outside * error
        if (
            level + beyond < levels[int(high * STEPS * place)] / wide
            or level - beyond > levels[int(low * STEPS * place)] * wide
        ):
            return False
    return True


def _near(course: Course, last: Knot) -> tuple[float, float]:
    """The first place on the course that may be reached, and the width of those that may be."""
    beyond = NEAR * last.error
    low = course.place((last.level + beyond) / (1 - 1.5 * course.spread))
    high = course.place(max(LEFT_AT, last.level - beyond) / (1 + 1.5 * course.spread))
    high = min(1 - 1 / STEPS, max(high, low + 2 / STEPS))
    low = min(low, high - 2 / STEPS)
    return low, high - low


def _agreement(course: Course, knots: Sequence[Knot], now: float) -> float:
    """The logarithm of how well the levels agree where this share of the course is over."""
    levels, reach = course.levels, now * STEPS
    known = 1 / (course.spread * course.spread)
    weighted = squares = known
    at = []
    for place, level, error in knots:
        expected = levels[int(reach * place)]
        at.append(expected)
        if level < FULL:
            share = expected / (error * error)
            weighted += share * level
            squares += share * expected
    scale = weighted / squares
    product = 1.0
    for expected, (_, level, error) in zip(at, knots, strict=True):
        found = scale * expected
        distance = ((found if found < 100 else 100.0) - level) / error
        product *= 1 + distance * distance / 4
    return -2.5 * math.log(product) - known * (scale - 1) * (scale - 1) / 2


def _summary(ends: Sequence[tuple[float, float, str]], fluctuation: float) -> Forecast:
    """The median and the interval of days left, each with the logarithm of its weight and its course."""
    most = max(log for _, log, _ in ends)
    likely: dict[str, float] = {}
    bins: dict[int, float] = {}
    for days, log, course in ends:
        weight = math.exp(log - most)
        if weight > 1e-4:
            likely[course] = likely.get(course, 0.0) + weight
            place = round(math.log(max(0.1, days)) / BIN)
            bins[place] = bins.get(place, 0.0) + weight
    samples = []
    for place, weight in bins.items():
        days = math.exp(place * BIN)
        error = math.hypot(
            math.hypot(FUTURE_SPREAD, fluctuation) * days, FUTURE_DAY * math.sqrt(days), ADDED_DAYS
        )
        for deviation in NORMAL:
            samples.append((max(0.0, days * math.exp(error / days * deviation)), weight))
    samples.sort()
    total = sum(weight for _, weight in samples)
    wanted, sum_so_far = [LOW, 0.5, HIGH], 0.0
    found: list[float] = []
    for days, weight in samples:
        sum_so_far += weight
        while len(found) < 3 and sum_so_far >= wanted[len(found)] * total - 1e-9:
            found.append(days)
    low, middle, high = found
    return Forecast(middle, low, high, max(likely, key=lambda name: likely[name]))
