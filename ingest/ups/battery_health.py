"""The health of a battery, from recorded discharges alone. Pure.

A charge of 100 % on float shows nothing of capacity, so there is no score: a discharge is compared with the
first ones of the same battery, and the runtime that the UPS predicted with the one that came of it. Without
a discharge the answer is that there is none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, NamedTuple

# Exponent for AGM batteries; used to bring two discharges to one load, never to predict from the nameplate.
PEUKERT = 1.15
MIN_CHARGE_AT_START = 95.0  # % of charge at the start of a discharge that counts
MIN_CHARGE_LOST = 20.0  # % lost, or
MIN_COVERED_S = 300.0
MIN_SAMPLES = 5
LOAD_BAND = 0.2  # a load further from that of the first discharge cannot be compared
BASELINE_DISCHARGES = 3  # the first ones, with which the latest is compared
END_OF_LIFE = 0.8  # of the first capacity: customary, EUROBAT
NO_DISCHARGE = "no discharge yet"


@dataclass(frozen=True)
class Discharge:
    """A recorded outage. s, W, % of charge; None where the UPS does not report it."""

    started_at: str
    complete: bool
    covered_s: float
    samples: int
    watts: float | None = None
    charge_start: float | None = None
    charge_end: float | None = None
    predicted_s: float | None = None
    to_low_s: float | None = None

    @property
    def charge_lost(self) -> float | None:
        """% of charge lost, None where it is not known."""
        if self.charge_start is None or self.charge_end is None:
            return None
        return self.charge_start - self.charge_end

    @property
    def full_charge_s(self) -> float | None:
        """How long the charge at the start would have lasted at this pace.

        Where there is no charge, it is the time to LB.
        """
        if self.charge_lost and self.charge_start is not None:
            return self.covered_s * self.charge_start / self.charge_lost
        return self.to_low_s


def parse_discharge(
    started_at: str,
    complete: bool,
    figures: Mapping[str, Any],  # Any: it is the JSON of events.figures
) -> Discharge:
    """A row of `events` (ONBATT) with its figures as a Discharge."""
    return Discharge(
        started_at,
        bool(complete),
        figures.get("covered_s", 0.0),
        figures.get("samples", 0),
        figures.get("watts_avg"),
        figures.get("charge_start"),
        figures.get("lowest_charge", figures.get("charge_end")),
        figures.get("predicted_runtime_s"),
        figures.get("seconds_to_low"),
    )


def exclusion_reason(discharge: Discharge, watts: float | None = None) -> str | None:
    """Why a discharge does not count; None where it does. `watts` is the load to compare at."""
    if not discharge.complete:
        return "not seen from start to end"
    if discharge.samples < MIN_SAMPLES:
        return f"{discharge.samples} samples, {MIN_SAMPLES} are needed"
    if discharge.watts is None:
        return "the load is not known"
    if discharge.charge_start is not None and discharge.charge_start < MIN_CHARGE_AT_START:
        return f"began at a charge of {discharge.charge_start:g} %"
    if discharge.covered_s < MIN_COVERED_S and (discharge.charge_lost or 0.0) < MIN_CHARGE_LOST:
        return "too short to tell"
    if discharge.full_charge_s is None:
        return "neither a loss of charge nor LB was seen"
    if watts and abs(discharge.watts - watts) > LOAD_BAND * watts:
        return f"{discharge.watts:.0f} W are too far from {watts:.0f} W"
    return None


def scale_to_load(discharge: Discharge, watts: float | None, k: float = PEUKERT) -> Discharge:
    """The discharge as it would have been at another load, by Peukert: t2 = t1 (P1 / P2) ** k."""
    if not discharge.watts or not watts:
        return discharge
    factor = (discharge.watts / watts) ** k
    return replace(
        discharge,
        watts=watts,
        covered_s=discharge.covered_s * factor,
        to_low_s=None if discharge.to_low_s is None else discharge.to_low_s * factor,
    )


class RuntimeAccuracy(NamedTuple):
    """Real runtime as shares of the predicted one, over the discharges that count."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class BatteryHealth:
    """What the discharges of one battery show. Shares are of 1, times in s; None: too little is known.

    `first_full_charge_s`, `latest_full_charge_s`: how long a full charge lasted at `watts`, at first and of
    late. `excluded`: (started_at, reason) of the discharges that do not count.
    """

    summary: str
    counted: int = 0
    watts: float | None = None
    first_full_charge_s: float | None = None
    latest_full_charge_s: float | None = None
    capacity: float | None = None
    runtime_accuracy: RuntimeAccuracy | None = None
    excluded: tuple[tuple[str, str], ...] = ()


def assess(discharges: Iterable[Discharge], since: str = "") -> BatteryHealth:
    """The health by discharges in order of time; `since` is when the battery was changed, UTC text."""
    excluded: list[tuple[str, str]] = []
    counted: list[Discharge] = []
    watts: float | None = None
    for discharge in discharges:
        if discharge.started_at < since:
            continue
        reason = exclusion_reason(discharge, watts)
        if reason is not None:
            excluded.append((discharge.started_at, reason))
            continue
        watts = watts or discharge.watts
        counted.append(discharge)
    if not counted:
        return BatteryHealth(NO_DISCHARGE, excluded=tuple(excluded))
    durations = [scale_to_load(discharge, watts).full_charge_s or 0.0 for discharge in counted]
    first = median(durations[:BASELINE_DISCHARGES])
    capacity = durations[-1] / first if len(durations) > 1 and first else None
    summary = f"{len(counted)} discharge{'s' if len(counted) > 1 else ''}"
    if capacity is not None and capacity < END_OF_LIFE:
        summary += f", the latest lasted {100 * capacity:.0f} % of the first"
    return BatteryHealth(
        summary,
        len(counted),
        watts,
        first,
        durations[-1],
        capacity,
        _runtime_accuracy(counted),
        tuple(excluded),
    )


def _runtime_accuracy(discharges: Iterable[Discharge]) -> RuntimeAccuracy | None:
    shares = [
        discharge.full_charge_s / discharge.predicted_s
        for discharge in discharges
        if discharge.full_charge_s is not None and discharge.predicted_s
    ]
    return RuntimeAccuracy(median(shares), min(shares), max(shares)) if shares else None
