"""Runtime and charge of a UPS that reports none, from its own recorded discharges. Pure.

A MUST EP20 never reports a runtime. Its charge (register 30017) counts where it can be; where it cannot, as
with any figure that is refused, the charge is estimated here.
"""

from collections.abc import Sequence
from itertools import islice
from statistics import median

from ingest.ups.battery_health import Discharge, exclusion_reason, scale_to_load
from ingest.ups.records import EventFigures

LATEST = 3  # discharges that the estimate is made from
LEAST_WATTS = 1.0
LONGEST_S = 7 * 86_400.0  # no estimate is longer: a load near 0 would give any number
FULL = 100.0  # % of charge
FLOATING = "floating"  # of battery.charger.status: the battery is full


def estimate_runtime(
    discharges: Sequence[Discharge], charge: float | None, watts: float | None
) -> float | None:
    """Seconds that `charge` % last at a load of `watts`, in the way that the latest discharges went.

    None where charge or load are not known, or no discharge has been seen that counts.
    """
    full_s = _full_charge_s(discharges, watts)
    if full_s is None or charge is None:
        return None
    return round(min(full_s * charge / FULL, LONGEST_S))


def estimate_charge(
    discharges: Sequence[Discharge], outage: EventFigures | None, charger_status: str
) -> float | None:
    """The charge in %, by what the outage so far has taken; full where the charger says so on mains.

    `outage` holds the figures of the one that is open, None on mains. None where the charge at its start or
    its load are not known, no discharge has been seen that counts, or the battery is being charged: how much
    a charger has put back is not measured.
    """
    if not usable(discharges):
        return None
    if outage is None:
        return FULL if charger_status == FLOATING else None
    start, full_s = outage.get("charge_start"), _full_charge_s(discharges, outage.get("watts_avg"))
    if start is None or full_s is None:
        return None
    charge: float = start - FULL * outage["seconds"] / full_s
    return round(max(0.0, charge))


def estimate_basis(discharges: Sequence[Discharge]) -> str:
    """What an estimate rests on, for people; 'not reported' where there is nothing to learn from."""
    counted = usable(discharges)
    if not counted:
        return "not reported: no discharge to learn from yet"
    return f"estimated from {len(counted)} discharge{'s' if len(counted) > 1 else ''} of its own"


def usable(discharges: Sequence[Discharge]) -> list[Discharge]:
    """The latest discharges that show how long a charge lasts."""
    counted = (one for one in reversed(discharges) if exclusion_reason(one) is None and one.full_charge_s)
    return [*islice(counted, LATEST)][::-1]


def _full_charge_s(discharges: Sequence[Discharge], watts: float | None) -> float | None:
    """How long a full charge lasts at a load of `watts`, in s."""
    counted = usable(discharges)
    if not counted or watts is None or watts < LEAST_WATTS:
        return None
    return median(scale_to_load(discharge, watts).full_charge_s or 0.0 for discharge in counted) or None
