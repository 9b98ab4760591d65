"""The course of a recorded outage as frames: every variable of a UPS, and when it is that. Pure.

A sample is what the UPS was around its time: it counts until half the way to the next one, which keeps the
mean of every figure. When the outage and what the status said began and ended is known better, by events.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from ingest.recompute.replay import Span
from ingest.recompute.stored_samples import StoredSample
from ingest.ups.measurement import measure
from ingest.ups.records import Variables
from ingest.ups.status import status_tokens

MARGIN_S = 12.0  # on mains before and after what is played
WATTS_TOLERANCE = 0.005  # within which the variables of a sample give the watts that were recorded
# What shows that mains are there or not: unknown where no sample is.
INPUT_FIGURES = ("input.voltage", "input.frequency")
BATTERY_WORDS = frozenset(("OB", "DISCHRG", "LB", "DEPLETED", "ACFAIL", "!OL"))


class ValueStep(NamedTuple):
    """A variable has this value from `at` (unix seconds) on; None: it is absent."""

    at: float
    value: str | None


@dataclass(frozen=True)
class RecordedUps:
    """What is stored of one UPS around the time to be played. Everything is in order of time.

    `words`: word of `ups.status` -> when its event was open; `silences`: when the UPS did not answer;
    `constants`: variables that do not change; `steps`: variable -> its values.
    """

    name: str
    label: str
    samples: Sequence[StoredSample]
    outages: Sequence[Span] = ()
    words: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    silences: Sequence[Span] = ()
    constants: Variables = field(default_factory=dict)
    steps: Mapping[str, Sequence[ValueStep]] = field(default_factory=dict)


class PlayedFrame(NamedTuple):
    """The variables of a UPS from `at` on, in seconds since the play began."""

    at: float
    variables: dict[str, str]
    is_stale: bool = False  # no data came from the UPS


@dataclass(frozen=True)
class Play:
    """One UPS as it is played: frames from 0 to `seconds`, of which `length_s` were recorded as such."""

    name: str
    label: str
    frames: Sequence[PlayedFrame]
    seconds: float
    anchor_s: float  # when its first outage begins

    @property
    def length_s(self) -> float:
        """Seconds between the times on mains that are added."""
        return self.seconds - 2 * MARGIN_S

    def frame_at(self, seconds: float) -> PlayedFrame:
        """The frame at a time since the play began; the last one stays."""
        return self.frames[max(0, bisect_right(self.frames, seconds, key=lambda frame: frame.at) - 1)]


def play(ups: RecordedUps, span: Span) -> Play:
    """Return what a UPS did in `span`, with MARGIN_S on mains around it.

    Raises ValueError for a UPS without any sample.
    """
    if not ups.samples:
        raise ValueError(f"{ups.name}: no sample")
    course = _Course(ups, span)
    began, ended = span.start - MARGIN_S, span.end + MARGIN_S
    frames: list[PlayedFrame] = []
    for at in course.moments(began, ended):
        frame = PlayedFrame(
            at - began, course.variables_at(at), span.start <= at < span.end and course.is_stale(at)
        )
        if not frames or frame[1:] != frames[-1][1:]:
            frames.append(frame)
    first = next((outage.start for outage in ups.outages if outage.start >= span.start), span.start)
    return Play(ups.name, ups.label, frames, ended - began, first - began)


class _Samples:
    """Samples by time."""

    def __init__(self, samples: Iterable[StoredSample]) -> None:
        self.all = list(samples)
        self._times = [sample.at for sample in self.all]
        # When one sample follows another: the same numbers for every question, whatever their rounding.
        self.midpoints = [(before + after) / 2 for before, after in pairwise(self._times)]

    def nearest(self, at: float) -> StoredSample | None:
        """The sample whose time is the nearest one; at a midpoint the later one."""
        place = bisect_right(self.midpoints, at)
        return self.all[place] if self.all else None

    def first_in(self, span: Span) -> StoredSample | None:
        """The first sample of a span."""
        place = bisect_left(self._times, span.start)
        return self.all[place] if place < len(self.all) and self.all[place].at < span.end else None


class _Course:
    """The variables of one UPS at any time in a span and around it. Times are unix seconds."""

    def __init__(self, ups: RecordedUps, span: Span) -> None:
        self._ups, self._span = ups, span
        self._any = _Samples(ups.samples)
        self._battery = _Samples(s for s in ups.samples if _is_in(ups.outages, s.at) and not _is_on_mains(s))
        self._mains = _Samples(s for s in ups.samples if not _is_in(ups.outages, s.at))
        quiet = [s for s in self._mains.all if _is_on_mains(s)]
        self._before = _Samples(s for s in quiet if s.at < span.start)
        self._after = _Samples(s for s in quiet if s.at >= span.end)
        self._quiet = _Samples(quiet)
        self._texts: dict[int, dict[str, str]] = {}  # sample -> its variables

    def moments(self, began: float, ended: float) -> list[float]:
        """When anything may change, `began` first."""
        spans = [*self._ups.outages, *self._ups.silences]
        spans += [span for found in self._ups.words.values() for span in found]
        found = {edge for span in (self._span, *spans) for edge in span}
        found.update(step.at for steps in self._ups.steps.values() for step in steps)
        for samples in (self._battery, self._mains, self._before, self._after):
            found.update(samples.midpoints)
        # What the status says changes with the first sample of an event, too.
        found.update(sample.at for sample in self._battery.all[:1])
        firsts = (self._any.first_in(span) for span in spans)
        found.update(sample.at for sample in firsts if sample)
        return [began, *sorted(at for at in found if began < at < ended)]

    def is_stale(self, at: float) -> bool:
        """Whether the UPS gave no data."""
        return _is_in(self._ups.silences, at)

    def variables_at(self, at: float) -> dict[str, str]:
        """Every variable, `ups.status` among them."""
        sample, status, is_certain = self._state(at)
        found = dict(self._ups.constants)
        for name, steps in self._ups.steps.items():
            place = bisect_right(steps, at, key=lambda step: step.at)
            value = steps[max(0, place - 1)].value
            if value is None:
                found.pop(name, None)
            else:
                found[name] = value
        figures = self._texts_of(sample)
        if not is_certain:
            figures = {name: text for name, text in figures.items() if name not in INPUT_FIGURES}
        return found | figures | {"ups.status": status}

    def _state(self, at: float) -> tuple[StoredSample, str, bool]:
        """The sample that counts, the status, and whether the sample shows what fed the load."""
        if not self._span.start <= at < self._span.end:
            side = self._before if at < self._span.start else self._after
            sample = side.nearest(at) or self._quiet.nearest(at)
            return (sample, sample.status, True) if sample else (self._any_at(at), "OL", False)
        if _is_in(self._ups.outages, at):
            sample = self._battery.nearest(at)
            status = sample.status if sample else "OB DISCHRG"
        else:
            sample = self._mains.nearest(at)
            status = sample.status if sample else "OL"
        return sample or self._any_at(at), self._with_words(at, sample, status), sample is not None

    def _any_at(self, at: float) -> StoredSample:
        sample = self._any.nearest(at)
        assert sample is not None  # play() has asked
        return sample

    def _with_words(self, at: float, sample: StoredSample | None, status: str) -> str:
        """The status with the words that began or ended between two samples, by their events."""
        words = status.split()
        for word, spans in self._ups.words.items():
            span = _find(spans, at)
            if span is None:
                if sample is not None and _is_in(spans, sample.at) and word in words:
                    words.remove(word)
                continue
            first = self._any.first_in(span)
            # No full sample in the event: only a poll of the status alone can have shown the word.
            if word not in words and (first is None or (at < first.at and word in first.status.split())):
                words.append(word)
        return " ".join(words)

    def _texts_of(self, sample: StoredSample) -> dict[str, str]:
        if sample.id not in self._texts:
            self._texts[sample.id] = _texts(sample, self._ups.constants)
        return self._texts[sample.id]


def _texts(sample: StoredSample, constants: Variables) -> dict[str, str]:
    """The figures of a sample as variables; they give the watts that were recorded.

    A nominal power or a power factor may come from the config: then ups.realpower has the watts.
    """
    found = {name: f"{value:.15g}" for name, value in sample.figures.items()}
    watts = sample.watts
    if watts is not None:
        measured = measure({**constants, **found}).watts
        if measured is None or abs(measured - watts) > WATTS_TOLERANCE * max(abs(watts), 1.0):
            found["ups.realpower"] = f"{watts:.15g}"
    return found


def _is_on_mains(sample: StoredSample) -> bool:
    tokens = status_tokens(sample.status)
    return "OL" in tokens and not tokens & BATTERY_WORDS - {"LB", "DEPLETED"}


def _find(spans: Sequence[Span], at: float) -> Span | None:
    return next((span for span in spans if span.start <= at < span.end), None)


def _is_in(spans: Sequence[Span], at: float) -> bool:
    return _find(spans, at) is not None


def bare_names(names: Sequence[str]) -> dict[str, str]:
    """Name of each UPS -> its bare name, `rack` for `rack@closet`; a second `rack` is `rack-shed`."""
    found: dict[str, str] = {}
    for name in names:
        bare = name.partition("@")[0]
        found[name] = bare if bare not in found.values() else name.replace("@", "-")
    return found
