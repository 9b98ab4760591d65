"""Charts of states: a switch, a setpoint or a mode holds until the next report. Pure.

States that have names are a timeline, numbers are a line with steps. Both end where the node went silent:
what it did after that is not known until it reports again. Where readings are pruned their hours are drawn;
one with several states is a box from the lowest to the highest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ingest.db.time import format_utc
from ingest.mysensors.channel_controls import find_control
from ingest.mysensors.protocol import Presentation, SetReq
from ingest.mysensors.value_types import ValueKind, value_kind
from reporting.charts.model import Interval
from reporting.charts.steps import LevelSpan, Spread, StepChart, StepData, draw_steps
from reporting.charts.timeline import StateSpan, Timeline, TimelineData, TimelineRow, draw_timeline
from reporting.formatting import NARROW_SPACE, format_length, format_local, plural
from reporting.message_text import STATES, format_value

HELD = frozenset(  # reported once and true until the next report, whatever the sensor is
    SetReq[f"V_{name}"]
    for name in (
        "STATUS ARMED TRIPPED LOCK_STATUS SCENE_ON SCENE_OFF UP DOWN STOP HVAC_FLOW_STATE HVAC_SPEED "
        "HVAC_FLOW_MODE HVAC_SETPOINT_HEAT HVAC_SETPOINT_COOL FORECAST TEXT CUSTOM"
    ).split()
)
MOST_NAMES = 8  # texts of one channel that are drawn; a channel with more sends no states
HOUR_S = 3600
MIXED = 2  # the style of an hour with several states


class Report(NamedTuple):
    """A report of a state at a unix time: its payload, and the number that it is."""

    at: float
    text: str
    value: float | None


class StateHour(NamedTuple):
    """The lowest and the highest state of an hour that starts at a unix time."""

    at: float
    low: float
    high: float


class _State(NamedTuple):
    start: float
    end: float
    level: float
    text: str


@dataclass(frozen=True)
class StateChartData:
    """The reports of one channel, oldest first; `silent` are the spans in which its node was not heard.

    `hours` are those before the first report of which no reading is kept.
    """

    title: str
    type: str
    unit: str
    reports: Sequence[Report]
    silent: Sequence[Interval]
    since: float
    until: float
    hours: Sequence[StateHour] = ()

    @property
    def mixed(self) -> list[StateHour]:
        """The hours with more than one state."""
        return [hour for hour in self.hours if hour.low != hour.high]

    @property
    def steps(self) -> list[Report]:
        """What is known of each time; a Report without a value and a text begins what is not known."""
        kept = [_report_of(hour) for hour in self.hours]
        changed = [one for number, one in enumerate(kept) if not number or one[1:] != kept[number - 1][1:]]
        return [*changed, *self.reports]


def _report_of(hour: StateHour) -> Report:
    return Report(hour.at, f"{hour.low:g}", hour.low) if hour.low == hour.high else Report(hour.at, "", None)


def is_state(type: str, sensor_type: str | None) -> bool:
    """Whether a channel holds states. A percentage is one where it can be set: of a dimmer or a cover."""
    if type not in SetReq.__members__:
        return False
    number = SetReq[type]
    sensor = Presentation.__members__.get(sensor_type or "")
    return number in HELD or (number == SetReq.V_PERCENTAGE and find_control(sensor, number) is not None)


def draw_states(data: StateChartData, timezone: str) -> Timeline | StepChart | None:
    """The chart; None without a report, and for texts that are too many to be states."""
    names = _names(data)
    holds = _holds(data, names) if names is not None else []
    if names is None or not holds:
        return None
    caption = _caption(data, holds, names, timezone)
    if names:
        row = _timeline_row(data, holds, names)
        return draw_timeline(TimelineData(data.title, [row], data.since, data.until, caption), timezone)
    steps = StepData(
        data.title,
        data.unit,
        data.type,
        [LevelSpan(one.start, one.end, one.level) for one in holds],
        data.since,
        data.until,
        caption,
        [Spread(one.at, one.at + HOUR_S, one.low, one.high) for one in data.mixed],
        data.silent,
    )
    return draw_steps(steps, timezone)


def _timeline_row(data: StateChartData, holds: Sequence[_State], names: Sequence[str]) -> TimelineRow:
    """The states in the colours of their places; the first of two is the quiet one."""
    first = 0 if len(names) == 2 else 1
    spans = [StateSpan(one.start, one.end, one.text, round(one.level) + first) for one in holds]
    spans += [
        StateSpan(one.at, one.at + HOUR_S, f"{names[0]} and {names[-1]}", MIXED)
        for one in data.mixed
        if one.at < data.until
    ]
    return TimelineRow(data.title, sorted(spans), _lasted(holds, names), silent=data.silent)


def _lasted(holds: Sequence[_State], names: Sequence[str]) -> str:
    """How long each state lasted; of two, the second alone."""
    lasted = {name: sum(one.end - one.start for one in holds if one.text == name) for name in names}
    listed = names[1:] if len(names) == 2 else names
    return ", ".join(
        f"{name} {format_length(lasted[name])}" for name in listed if lasted[name] or len(listed) == 1
    )


def _names(data: StateChartData) -> list[str] | None:
    """The states from bottom to top; empty where they are numbers, None where they cannot be drawn."""
    words = list(STATES.get(data.type, {}).values())
    if not words and value_kind(SetReq[data.type]) is not ValueKind.TEXT:
        return []
    found = words + sorted({format_value(one.text, "", data.type) for one in data.reports} - set(words))
    return found if len(found) <= MOST_NAMES else None


def _holds(data: StateChartData, names: Sequence[str]) -> list[_State]:
    steps = data.steps
    ends = [one.at for one in steps[1:]] + [data.until][: len(steps)]
    levels = {name: float(level) for level, name in enumerate(names)}
    found = []
    for report, next_at in zip(steps, ends, strict=True):
        end = min([next_at, *(span.start for span in data.silent if span.end > report.at)])
        start, end = max(report.at, data.since), min(end, data.until)
        text = format_value(report.text, "", data.type)
        level = levels.get(text) if names else report.value
        if level is not None and (start < end or data.since <= report.at <= data.until):
            found.append(_State(start, end, level, text))
    return found


def _caption(data: StateChartData, holds: Sequence[_State], names: Sequence[str], timezone: str) -> str:
    """How long each state lasted and how often the state changed, as text."""
    if names:
        lasted = {name: sum(one.end - one.start for one in holds if one.text == name) for name in names}
        parts = [f"{name} {format_length(seconds)}" for name, seconds in lasted.items() if seconds]
    else:
        low, high = min(one.level for one in holds), max(one.level for one in holds)
        span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        parts = [f"{data.type} {span}{NARROW_SPACE}{data.unit}".rstrip()]
    changes = sum(before.level != after.level for before, after in pairwise(holds))
    parts.append(f"changed {plural(changes, 'time')}")
    if holds[0].start > data.since:
        parts.append(f"known from {format_local(format_utc(holds[0].start), timezone)} on")
    unknown = data.until - holds[0].start - sum(one.end - one.start for one in holds)
    if unknown >= 1:
        parts.append(f"not known for {format_length(unknown)}")
    if data.mixed:
        parts.append(f"{plural(len(data.mixed), 'hour')} of which only the lowest and the highest are kept")
    return "; ".join(parts) + "."
