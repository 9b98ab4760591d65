"""Lost phases of the input, and which input an ATS has its power from. Pure.

A phase is lost when it has far less voltage than the others: the reference is the other phases, since the
nominal voltage is that between two phases in 3 of the 17 devices with three phases of NUT's device dump
library, none of which has lost one. All of them gone is an outage. Phases beyond `input.phases` are none: an
ePDU with one phase reports two.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ingest.ups.limits import LEAST_MAINS_V
from ingest.ups.open_events import OpenEvents
from ingest.ups.plausible import parse_value
from ingest.ups.records import Figures, Variables
from ingest.ups.watts import PHASES

LOST_SHARE = 0.5  # of the highest phase, between a phase and neutral; what is left may be induced
LOST_SHARE_OF_LINES = 0.7  # between two phases: with one of them gone, the other is left, 1/1.73 of it
HYSTERESIS = 0.05
PHASE_VOLTAGES = ("input.{}-N.voltage", "input.{}.voltage")
_PHASE_KEYS = {pattern: {phase: pattern.format(phase) for phase in PHASES} for pattern in PHASE_VOLTAGES}
LINES = (("L1-L2", "L2-L1"), ("L2-L3", "L3-L2"), ("L3-L1", "L1-L3"))


class LostPhases(NamedTuple):
    """The phases that are lost, the lowest voltage there and that of the others, V."""

    phases: tuple[str, ...]
    volts: float
    others: float

    def describe(self) -> str:
        """`phase L2 lost: 3 V, 231 V on the others`."""
        names = " and ".join(self.phases)
        several = "s" if len(self.phases) > 1 else ""
        return f"phase{several} {names} lost: {self.volts:g} V, {self.others:g} V on the others"


def phase_names(figures: Figures) -> tuple[str, ...]:
    """L1 to L3, or as many as `input.phases` says."""
    return PHASES[: int(figures.get("input.phases", len(PHASES)))]


def add_input(figures: Figures, source: str) -> None:
    """Add the standard figures of the input that a device reports by phase, or by input as an ATS does.

    A lost phase is no part of the average. `source` is `input.source`.
    """
    if "input.voltage" not in figures:
        for pattern in PHASE_VOLTAGES:
            volts = _phase_volts(figures, pattern)
            if volts:
                left = [volts[name] for name in volts.keys() - set(_below(volts, LOST_SHARE))]
                figures["input.voltage"] = round(sum(left) / len(left), 3)
                break
    active = input_source(source)
    for quantity in ("voltage", "frequency") if active.isdigit() else ():
        value = figures.get(f"input.{active}.{quantity}")
        if value is not None:
            figures.setdefault(f"input.{quantity}", value)


def _phase_volts(figures: Figures, pattern: str) -> dict[str, float]:
    keys = _PHASE_KEYS[pattern]
    return {name: figures[keys[name]] for name in phase_names(figures) if keys[name] in figures}


def find_lost_phases(figures: Figures, is_open: bool = False) -> LostPhases | None:
    """What is lost now, None where nothing is or nothing shows it. `is_open`: something was."""
    names, margin = phase_names(figures), HYSTERESIS if is_open else 0.0
    for pattern in PHASE_VOLTAGES:
        volts = _phase_volts(figures, pattern)
        if len(volts) > 1:
            lost = _below(volts, LOST_SHARE + margin)
            return _lost(lost, volts, lost)
    if len(names) < len(PHASES):
        return None
    lines = {
        line[0]: figures[key]
        for line in LINES
        if (key := next((k for k in map("input.{}.voltage".format, line) if k in figures), ""))
    }
    low = _below(lines, LOST_SHARE_OF_LINES + margin) if len(lines) == len(LINES) else []
    shared = [phase for phase in PHASES if low and all(phase in line for line in low)]
    return _lost(low, lines, shared if len(low) > 1 else low)


def _below(volts: dict[str, float], share: float) -> list[str]:
    most = max(volts.values())
    return [name for name, value in volts.items() if value < share * most] if most >= LEAST_MAINS_V else []


def _lost(low: list[str], volts: dict[str, float], names: Iterable[str]) -> LostPhases | None:
    if not low:
        return None
    return LostPhases(tuple(names), min(volts[name] for name in low), max(volts.values()))


def input_source(text: str) -> str:
    """`input.source` in one spelling: `2.00` and ` 2 ` are 2."""
    number = parse_value(text)
    return f"{number:g}" if number is not None else text.strip()


class SourceWatcher:
    """The input that one device has its power from; `source` is what was last known of it, '' for nothing."""

    def __init__(self, source: str, open_events: OpenEvents) -> None:
        self._source, self._open = input_source(source), open_events
        self._seen: tuple[str, float, bool] | None = None  # another one, until the next sample confirms it

    def apply_sample(self, at: float, variables: Variables, contiguous: bool) -> None:
        """Take the variables of a full poll of `at`, unix seconds: a change is an event without length.

        Other devices than an ATS have words there that are modes, not inputs: those are no events.
        """
        source, before, seen = input_source(variables.get("input.source", "")), self._source, self._seen
        if not source or source == before:
            self._seen = None
            return
        is_input = variables.get("device.type", "").strip().lower() == "ats" or (
            parse_value(source) is not None and parse_value(before) is not None
        )
        if not before or not is_input:
            self._source, self._seen = source, None
        elif seen is None or seen[0] != source:
            self._seen = (source, at, contiguous)
        else:
            self._source, self._seen = source, None
            figures = {"from": before, "to": source}
            self._open.open("INPUT_SOURCE", seen[1], f"from input {before} to {source}", figures, seen[2])
            self._open.close("INPUT_SOURCE", seen[1])
