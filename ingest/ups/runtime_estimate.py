"""The runtime of a UPS that reports none, such as a MUST EP20, from its own recorded discharges. Pure."""

from collections.abc import Sequence
from statistics import median

from ingest.ups.battery_health import Discharge, exclusion_reason, scale_to_load

LATEST = 3  # discharges that the estimate is made from
LEAST_WATTS = 1.0
LONGEST_S = 7 * 86_400.0  # no estimate is longer: a load near 0 would give any number


def estimate_runtime(
    discharges: Sequence[Discharge], charge: float | None, watts: float | None
) -> float | None:
    """Seconds that `charge` % last at a load of `watts`, in the way that the latest discharges went.

    None where charge or load are not known, or no discharge has been seen that counts.
    """
    counted = usable(discharges)
    if not counted or charge is None or watts is None or watts < LEAST_WATTS:
        return None
    full = [scale_to_load(discharge, watts).full_charge_s or 0.0 for discharge in counted]
    return round(min(median(full) * charge / 100, LONGEST_S))


def estimate_basis(discharges: Sequence[Discharge]) -> str:
    """What an estimate rests on, for people; 'not reported' where there is nothing to learn from."""
    counted = usable(discharges)
    if not counted:
        return "not reported: no discharge to learn from yet"
    return f"estimated from {len(counted)} discharge{'s' if len(counted) > 1 else ''} of its own"


def usable(discharges: Sequence[Discharge]) -> list[Discharge]:
    """The latest discharges that show how long a charge lasts."""
    return [one for one in discharges if exclusion_reason(one) is None and one.full_charge_s][-LATEST:]
