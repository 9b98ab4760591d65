"""What is known of a battery: from recorded discharges alone. Pure.

A charge of 100 % on float says nothing of capacity, so there is no score: a discharge is compared with the first ones of
the same battery, and the UPS's prediction of runtime with what came of it. Without a discharge the answer is that there is none.
"""

from dataclasses import dataclass, replace
from statistics import median

PEUKERT = (
    1.15  # of AGM batteries; used to bring two discharges to one load, never to predict from the nameplate
)
MIN_CHARGE_AT_START = 95.0  # % of charge at the start of a discharge that counts
MIN_CHARGE_LOST = 20.0  # % lost, or
MIN_COVERED_S = 300.0
MIN_SAMPLES = 5
LOAD_BAND = 0.2  # a load further from that of the first discharge cannot be compared
BASELINE_DISCHARGES = 3  # discharges that make the battery's beginning
END_OF_LIFE = 0.8  # of the first capacity: customary, EUROBAT
NO_DISCHARGE = "no discharge yet"


@dataclass(frozen=True)
class Discharge:
    """A recorded outage. s, Wh, W, % of charge; None where the UPS does not tell."""

    started_at: str
    complete: bool
    covered_s: float
    samples: int
    wh: float | None = None
    watts: float | None = None
    charge_start: float | None = None
    charge_end: float | None = None
    predicted_s: float | None = None
    to_low_s: float | None = None

    @property
    def charge_lost(self):
        """% of charge lost, None where it is not told."""
        if self.charge_start is None or self.charge_end is None:
            return None
        return self.charge_start - self.charge_end

    @property
    def full_charge_s(self):
        """How long the charge at the start would have lasted at this pace; the time to LB where there is no charge."""
        if self.charge_lost:
            return self.covered_s * self.charge_start / self.charge_lost
        return self.to_low_s

    @property
    def wh_per_point(self):
        return self.wh / self.charge_lost if self.charge_lost and self.wh is not None else None


def parse_discharge(started_at, complete, figures):
    """A row of `events` (ONBATT) with its figures as a Discharge."""
    return Discharge(
        started_at,
        bool(complete),
        figures.get("covered_s", 0.0),
        figures.get("samples", 0),
        figures.get("wh"),
        figures.get("watts_avg"),
        figures.get("charge_start"),
        figures.get("lowest_charge", figures.get("charge_end")),
        figures.get("predicted_runtime_s"),
        figures.get("seconds_to_low"),
    )


def exclusion_reason(discharge, watts=None):
    """Why a discharge cannot be counted, in words; None where it can. `watts` is the load to compare at."""
    points = discharge.charge_lost
    if not discharge.complete:
        return "not seen from start to end"
    if discharge.samples < MIN_SAMPLES:
        return f"{discharge.samples} samples, {MIN_SAMPLES} are needed"
    if discharge.watts is None:
        return "the load is not known"
    if discharge.charge_start is not None and discharge.charge_start < MIN_CHARGE_AT_START:
        return f"began at a charge of {discharge.charge_start:g} %"
    if discharge.covered_s < MIN_COVERED_S and (points is None or points < MIN_CHARGE_LOST):
        return "too short to tell"
    if discharge.full_charge_s is None:
        return "neither a loss of charge nor LB was seen"
    if watts and abs(discharge.watts - watts) > LOAD_BAND * watts:
        return f"{discharge.watts:.0f} W are too far from {watts:.0f} W"
    return None


def scale_to_load(discharge, watts, k=PEUKERT):
    """The discharge as it would have been at another load, by Peukert: t2 = t1 (P1 / P2) ** k. The energy follows."""
    if not discharge.watts or not watts:
        return discharge
    factor = (discharge.watts / watts) ** k
    share = factor * watts / discharge.watts
    return replace(
        discharge,
        watts=watts,
        covered_s=discharge.covered_s * factor,
        wh=None if discharge.wh is None else discharge.wh * share,
        to_low_s=None if discharge.to_low_s is None else discharge.to_low_s * factor,
    )


@dataclass(frozen=True)
class BatteryHealth:
    """What the discharges of one battery say. Shares are of 1; None: too little is known.

    `full_charge_s`: how long a full charge lasted at `watts`, (first ones, latest). `runtime_accuracy`: what came of the predicted
    runtime, as (median share, lowest, highest). `excluded`: (started_at, why).
    """

    summary: str
    counted: int = 0
    watts: float | None = None
    first_full_charge_s: float | None = None
    latest_full_charge_s: float | None = None
    capacity: float | None = None
    spread: tuple[float, float] | None = None
    runtime_accuracy: tuple[float, float, float] | None = None
    excluded: tuple[tuple[str, str], ...] = ()


def assess(discharges, since=""):
    """The BatteryHealth of the discharges, in order of time, that began at `since` (UTC text; of the battery's change) or later."""
    excluded, counted, watts = [], [], None
    for discharge in discharges:
        if discharge.started_at < since:
            continue
        why = exclusion_reason(discharge, watts)
        if why is not None:
            excluded.append((discharge.started_at, why))
            continue
        watts = watts or discharge.watts
        counted.append(discharge)
    if not counted:
        return BatteryHealth(NO_DISCHARGE, excluded=tuple(excluded))
    durations = [scale_to_load(discharge, watts).full_charge_s for discharge in counted]
    first = median(durations[:BASELINE_DISCHARGES])
    accuracies = sorted(d.full_charge_s / d.predicted_s for d in counted if d.predicted_s)
    capacity = durations[-1] / first if len(durations) > 1 and first else None
    words = f"{len(counted)} discharge{'s' if len(counted) > 1 else ''}"
    if capacity is not None and capacity < END_OF_LIFE:
        words += f", the latest lasted {100 * capacity:.0f} % of the first"
    return BatteryHealth(
        words,
        len(counted),
        watts,
        first,
        durations[-1],
        capacity,
        (min(durations), max(durations)),
        (median(accuracies), accuracies[0], accuracies[-1]) if accuracies else None,
        tuple(excluded),
    )


def pair_outages(outages, within_s=30.0):
    """Outages that began together: lists of (ups, started, ...) rows whose starts lie within `within_s` of the first.

    Several UPSes in one list tell of the mains; a single one tells of its own circuit.
    """
    groups = []
    for row in sorted(outages, key=lambda row: row[1]):
        if (
            groups
            and row[1] - groups[-1][0][1] <= within_s
            and row[0] not in [other[0] for other in groups[-1]]
        ):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups
