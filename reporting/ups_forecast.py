"""The SQL function behind the query ups_battery_forecast: discharges and self-tests as a forecast."""

import json
import math
import time
from collections.abc import Sequence
from operator import itemgetter

from ingest.db.time import format_utc
from ingest.ups.battery_forecast import (
    LEAST_WATTS,
    MOST_WATTS,
    BatteryForecast,
    forecast_battery,
    parse_past_discharge,
)
from ingest.ups.self_tests_compared import TestsCompared, compare_tests
from ingest.ups.setting_values import parse_number

DAY_S = 86_400.0
DISCHARGES = "ageing curve fitted to its own discharges"
NOT_FITTED = "its own discharges"


def ups_battery_forecast(
    outages: str,
    tests: str,
    changed_at: str | None,
    watts: float | None,
    temperature: float | None,
    is_estimated: int,
) -> str:
    """SQL: what discharges and self-tests show of a battery (`ingest.ups.battery_forecast`), as JSON.

    `outages` is JSON of [started_at, complete, figures, temperature], `tests` of [started_at, figures], in
    any order, since what is imported comes late. `changed_at` is when the battery was put in, `watts` the
    load that the runtime is asked for, `temperature` that of the UPS now in °C, `is_estimated` 1 where its
    charge is estimated. Capacities are per cent, dates UTC text.
    """
    past = [
        parse_past_discharge(at, complete, json.loads(figures), degrees, bool(is_estimated))
        for at, complete, figures, degrees in sorted(json.loads(outages), key=itemgetter(0))
    ]
    since = changed_at or ""
    own_tests = [
        json.loads(figures) for at, figures in sorted(json.loads(tests), key=itemgetter(0)) if at >= since
    ]
    now = time.time()
    found = forecast_battery(past, changed_at, now, watts, temperature)
    return json.dumps(_figures(found, now) | _tests(compare_tests(own_tests)))


def check_watts(text: str) -> None:
    """Raise ValueError with a message for a load that is no number of watts."""
    watts = parse_number(text)
    if watts is None or not LEAST_WATTS <= watts <= MOST_WATTS:
        raise ValueError(f"watts is a load from {LEAST_WATTS:g} to {MOST_WATTS:,.0f} W, such as 200")


def _figures(found: BatteryForecast, now: float) -> dict[str, object]:
    replace_at = found.replace_at
    return {
        "counted": found.counted,
        "basis": found.basis,
        "runtime_basis": found.runtime_basis,
        "method": None if not found.counted else DISCHARGES if found.capacity else NOT_FITTED,
        **_named("capacity", found.capacity and [round(100 * share, 1) for share in found.capacity]),
        **_named("runtime", found.runtime_s and [round(seconds) for seconds in found.runtime_s]),
        **_named("replace", replace_at and [format_utc(at) for at in replace_at]),
        **_named("days", replace_at and [math.floor((at - now) / DAY_S) for at in replace_at]),
    }


def _named(name: str, ends: Sequence[float | str] | None) -> dict[str, object]:
    middle, low, high = ends or (None, None, None)
    return {name: middle, f"{name}_low": low, f"{name}_high": high}


def _tests(compared: TestsCompared) -> dict[str, object]:
    return {
        "tests": compared.tests,
        "tests_failed": compared.failed,
        "first_sag": compared.first_sag,
        "latest_sag": compared.latest_sag,
    }
