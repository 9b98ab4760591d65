"""A stretch of stored samples, once as it was concluded and once by the present rules. Pure.

Both are computed in the same manner, so that what differs comes of the rules alone; only that is written.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.recompute.stored_samples import Correction, StoredSample, correct
from ingest.ups.energy import CoveredSpan, EnergyMeter, Observation
from ingest.ups.event_machine import EventMachine
from ingest.ups.hourly import UpsHour
from ingest.ups.limits import InputVoltage
from ingest.ups.low_battery import is_battery_low
from ingest.ups.mains import PowerSource
from ingest.ups.outage import OutageFigures
from ingest.ups.records import Event, EventFigures, Figures, Poll, Variables
from ingest.ups.settings import UpsSettings
from ingest.ups.status import status_tokens

RESULT = "ups.test.result"  # while a self-test was recorded, and else
RUNNING, ENDED = "In progress", "Done and passed"


class Span(NamedTuple):
    """From `start` to `end`, unix seconds."""

    start: float
    end: float

    def overlaps(self, start: float, end: float, slack: float = 0.0) -> bool:
        """Whether it has a time in common with another one; `slack` seconds apart count, too."""
        return self.start <= end + slack and self.end >= start - slack


@dataclass(frozen=True)
class Device:
    """What is known of a UPS besides its samples. `interval_s`: usual seconds between two of them.

    `nominal`: of the mains, V. `tests`: when self-tests were recorded. `until`: samples from then on, unix
    seconds, were concluded by the present rules.
    """

    own: UpsSettings
    constants: Variables
    interval_s: float
    nominal: float | None = None
    tests: Sequence[Span] = ()
    until: float = float("inf")


class Step(NamedTuple):
    """A sample, what it is by the present rules, and what fed the load.

    `has_mains`: its input voltage shows them. `interval_s`: usual seconds to the next one.
    """

    sample: StoredSample
    now: Correction
    source: PowerSource
    has_mains: bool
    interval_s: float


@dataclass
class HourPair:
    """An hour as it was concluded, and by the present rules."""

    before: UpsHour
    now: UpsHour


@dataclass
class Replayed:
    """What a stretch comes to. `outages`, and when their battery was low: by the present rules.

    `in_progress`: the last one is not over.
    """

    steps: list[Step] = field(default_factory=list)
    hours: dict[str, HourPair] = field(default_factory=dict)
    outages: list[Event] = field(default_factory=list)
    low_batteries: list[Event] = field(default_factory=list)
    in_progress: bool = False


def replay(
    samples: Iterable[StoredSample],
    context: Sequence[StoredSample],
    device: Device,
    hour_at: Callable[[float], str],
) -> Replayed:
    """Replay samples in order of time; `context` are a few before them, which are not looked at again."""
    voltage = InputVoltage(device.own.limits, device.nominal)
    machine = EventMachine(device.own.limits, device.own.discharging_is_outage, voltage=voltage)
    meters = (EnergyMeter(hour_at), False), (EnergyMeter(hour_at), True)
    found, events = Replayed(), dict[Event, None]()
    for number, sample in enumerate((*context, *samples)):
        now = correct(sample, device.constants, device.own, is_right=sample.at >= device.until)
        is_tested = any(span.start <= sample.at < span.end for span in device.tests)
        variables = (
            {**now.variables, RESULT: RUNNING if is_tested else ENDED} if device.tests else now.variables
        )
        poll = Poll("", sample.at, sample.at, device.interval_s, status=sample.status, variables=variables)
        is_answer = not sample.status or bool(status_tokens(sample.status))
        changes = machine.apply_poll(poll, now.measurement if is_answer else None)
        events |= dict.fromkeys(change.event for change in changes)
        is_measured = voltage.is_present(now.measurement.figures) is True
        step = Step(sample, now, machine.mains, is_measured, device.interval_s)
        spans = [meter.add_observation(observe(step, is_now)) for meter, is_now in meters]
        if number >= len(context):
            _add(found, step, spans, hour_at)
    for name, kept in (("ONBATT", found.outages), ("LOWBATT", found.low_batteries)):
        kept += [event for event in events if event.event == name and not event.withdrawn]
    found.in_progress = "ONBATT" in machine.open or machine.mains is PowerSource.TEST
    return found


def observe(step: Step, is_now: bool) -> Observation:
    """A sample as the energy meter takes it: as it was concluded, or by the present rules."""
    sample, tokens = step.sample, status_tokens(step.sample.status)
    watts = step.now.measurement.watts if is_now else sample.watts
    on_battery = step.source is PowerSource.BATTERY if is_now else "OB" in tokens
    return Observation(sample.at, sample.at, watts, tokens, step.interval_s, on_battery)


def _add(
    found: Replayed, step: Step, spans: Sequence[list[CoveredSpan]], hour_at: Callable[[float], str]
) -> None:
    """Add a sample, and the time since the one before it, to its hours."""
    found.steps.append(step)
    sample, (figures, watts, rule, *_) = step.sample, step.now.measurement
    for is_now, covered in enumerate(spans):
        for span in covered:
            _hour(found, span.hour_at, bool(is_now)).add_span(span)
    hour = hour_at(sample.at)
    _hour(found, hour, False).add_sample(sample.figures, sample.watts, sample.watts_rule)
    _hour(found, hour, True).add_sample(figures, watts, rule)


def _hour(found: Replayed, hour_at: str, is_now: bool) -> UpsHour:
    if hour_at not in found.hours:
        found.hours[hour_at] = HourPair(UpsHour(hour_at), UpsHour(hour_at))
    pair = found.hours[hour_at]
    return pair.now if is_now else pair.before


def outage_figures(steps: Sequence[Step], outage: Span, is_now: bool) -> EventFigures:
    """The figures of an outage by its samples: as they were concluded, or by the present rules."""
    inside = [step for step in steps if outage.start <= step.sample.at < outage.end]
    if not inside:
        return {}
    earlier = [step for step in steps if step.sample.at < outage.start][-1:]
    before = _figures(earlier[0], is_now) if earlier else {}
    figures = OutageFigures.begin(observe(inside[0], is_now)._replace(at=outage.start), before)
    for step in inside:
        rule = step.now.measurement.watts_rule if is_now else step.sample.watts_rule
        figures.add_sample(observe(step, is_now), _figures(step, is_now), outage.start, rule)
        if _is_low(step, is_now):
            figures.add_low_battery()
    after = next((step for step in steps if step.sample.at >= outage.end), inside[-1])
    end = observe(after, is_now)._replace(at=outage.end, monotonic=outage.end)
    figures.end(end, outage.start)
    return figures.figures


def _is_low(step: Step, is_now: bool) -> bool:
    """Whether the battery was low: by the words of the status as it was concluded, now by figures, too."""
    tokens = status_tokens(step.sample.status)
    return is_battery_low(tokens, step.now.measurement.figures if is_now else {})


def _figures(step: Step, is_now: bool) -> Figures:
    return step.now.measurement.figures if is_now else step.sample.figures
