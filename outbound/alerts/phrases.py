"""What happened, in few words with the event's own figures, and what it means. Pure.

A phrase follows the name of what it is about: `Rack: on battery, 23 min left`.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from outbound.alerts.clean import clean_line
from outbound.alerts.figures import (
    UNITS,
    about,
    format_plain,
    format_wh,
    labelled,
    length,
    listed,
    number,
    percent,
)
from outbound.alerts.kinds import event_kind
from outbound.alerts.model import AlertEvent

FRESH_S = 120.0  # so long after its begin what the battery said then still counts
CHARGES = ("charge_now", "charge_end", "charge_start")  # the latest one first
SCHEME = re.compile(r"https?://")
DETAIL = 300
REASON = 90  # characters of a reason within a title

MEANINGS = {
    "LOWBATT": "The UPS will soon switch off what it feeds.",
    "FSD": "What it feeds is being switched off.",
    "REPLBATT": "In the next outage it may not last as long as it says.",
    "TEST_FAILED": "In an outage the battery may fail at once.",
    "OVER": "The UPS may switch off what it feeds: unplug something.",
    "LOAD_HIGH": "The battery will last less long than usual.",
    "HOT": "Heat shortens the life of the battery.",
    "CHARGE_LOW": "An outage now would be bridged for a short time only.",
    "COMMBAD": "An outage would not be noticed.",
    "OFF": "What is plugged into it has no power.",
    "BYPASS": "An outage now would cut the power of what it feeds.",
    "PHASE_LOST": "What is fed by this phase has no power before the UPS.",
    "NODE_SILENT": "Its values are no longer up to date.",
    "NODE_BATTERY_LOW": "It will fall silent when the battery is empty.",
    "BATTERY_DUE": "It will fall silent unless its battery is changed.",
    "NODE_LOCKED": "It does nothing until it is unlocked.",
    "OTA_FAILED": "The node is not known to run the new firmware.",
    "GATEWAY_LOST": "Nothing is heard of its nodes.",
    "IDS_SHORT": "New nodes will get no id when none is left.",
    "INGEST_DOWN": "Outages and silent nodes would not be noticed.",
    "SITE_DOWN": "The pages cannot be opened.",
    "PART_DIES": "A part of Voltkeeper does not do its work.",
    "TARGET_FAILING": "Alerts for it wait until it can be reached.",
    "DISK_LOW": "When it is full nothing is recorded: outages would not be noticed.",
    "BACKUP_FAILED": "If the disk fails, what was recorded since the last backup is lost.",
    "DATABASE_DAMAGED": "What is recorded may be lost: restore a backup.",
    "PLAN_STEP_FAILED": "What it was to do may not be done; the plan goes on without it.",
    "CLOCK_SUSPECT": "What is recorded bears a time that may be wrong; nothing is pruned.",
}


def detail_of(event: AlertEvent, longest: int = REASON) -> str:
    """The event's detail on one line; an address in it is no link, since a message has one."""
    return clean_line(SCHEME.sub("", event.detail), longest)


def runtime_left(event: AlertEvent, now: float) -> float | None:
    """For how many seconds the battery lasts: by the last sample, else by what it said at the begin."""
    is_fresh = now - event.started_at <= FRESH_S
    return number(event.figures, "runtime_now_s", *(("predicted_runtime_s",) if is_fresh else ()))


def _reason(event: AlertEvent) -> str:
    """The detail for a title, without the question of a remedy at its end."""
    detail = detail_of(event, DETAIL)
    return clean_line(detail.rpartition(": ")[0] if detail.endswith("?") else detail, REASON)


def _on_battery(event: AlertEvent, now: float) -> str:
    seconds = runtime_left(event, now)
    left = "" if seconds is None else about(seconds)
    charge = percent(event.figures, *CHARGES)
    return listed(["on battery", f"{left} left" if left else labelled("charge", charge)])


def _low_battery(event: AlertEvent, now: float) -> str:
    figures = event.figures
    left, charge = length(figures, "runtime_now_s"), percent(figures, "charge_now")
    return listed(["battery low", f"{left} left" if left else "", labelled("charge", charge)])


def _beyond(event: AlertEvent, now: float) -> str:
    """A figure and its limit: `load 85 %, above 80 %`."""
    value, limit = number(event.figures, "value"), number(event.figures, "limit")
    unit = UNITS[event.event]
    if value is None or limit is None:
        return listed([event_kind(event.event).words, detail_of(event)])
    what = {"HOT": "", "LOAD_HIGH": "load", "CHARGE_LOW": "charge"}.get(event.event, "input voltage")
    side = "above" if value > limit else "below"
    words = "too hot: " if event.event == "HOT" else f"{what} "
    return f"{words}{format_plain(value, unit)}, {side} {format_plain(limit, unit)}"


def _overloaded(event: AlertEvent, now: float) -> str:
    return listed(["overloaded", labelled("load", percent(event.figures, "value"))])


def _silent(event: AlertEvent, now: float) -> str:
    """How long at the event's begin is the limit, which `detail` states."""
    return detail_of(event) or "silent"


def _node_battery(event: AlertEvent, now: float) -> str:
    level = percent(event.figures, "battery_level", "level", "value")
    return labelled("battery", level) or "battery low"


def _failing(event: AlertEvent, now: float) -> str:
    reason = event.figures.get("reason")
    said = clean_line(SCHEME.sub("", reason), REASON) if isinstance(reason, str) else detail_of(event)
    return listed([event_kind(event.event).words, said])


def _of_detail(event: AlertEvent, now: float) -> str:
    return detail_of(event) or event_kind(event.event).words


def _with_detail(event: AlertEvent, now: float) -> str:
    return listed([event_kind(event.event).words, _reason(event)])


_BEGINS: Mapping[str, Callable[[AlertEvent, float], str]] = MappingProxyType(
    {
        "ONBATT": _on_battery,
        "LOWBATT": _low_battery,
        "OVER": _overloaded,
        "HOT": _beyond,
        "LOAD_HIGH": _beyond,
        "CHARGE_LOW": _beyond,
        "VOLTAGE": _beyond,
        "INPUT_LOW": _beyond,
        "BATTERY_DUE": _of_detail,
        "PHASE_LOST": _of_detail,
        "AMBIENT": _of_detail,
        "VALUE": _of_detail,
        "STRANGE_MESSAGES": _of_detail,
        "SCHEDULED_COMMAND": _of_detail,
        "SCHEDULED_COMMAND_FAILED": _of_detail,
        "ROLLOUT_STOPPED": _of_detail,
        "TARGET_FAILING": _failing,
        "NODE_SILENT": _silent,
        "NODE_BATTERY_LOW": _node_battery,
        "REPLBATT": lambda event, now: event_kind(event.event).words,
        "FSD": lambda event, now: event_kind(event.event).words,
    }
)


def begin_phrase(event: AlertEvent, now: float) -> str:
    """What began: `battery 18 %`; `now` in unix seconds is when it is said."""
    return _BEGINS.get(event.event, _with_detail)(event, now)


def end_phrase(event: AlertEvent) -> str:
    """What ended: `contact is back after 14 min`."""
    words = event_kind(event.event).end_words or f"{event_kind(event.event).words} is over"
    return f"{words} after {about(seconds_of(event, event.ended_at))}" if event.ended_at else words


def seconds_of(event: AlertEvent, until: float | None) -> float:
    """How long the event has lasted until then, in seconds, never less than nothing."""
    return max(0.0, (event.started_at if until is None else until) - event.started_at)


def outage_summary(event: AlertEvent) -> str:
    """Length, energy and lowest charge of an outage: `14 min, 62 Wh, lowest charge 71 %`."""
    wh = number(event.figures, "wh")
    return listed(
        [
            about(seconds_of(event, event.ended_at)),
            "" if wh is None else format_wh(wh),
            labelled("lowest charge", percent(event.figures, "lowest_charge")),
        ]
    )


def meaning(event: AlertEvent, now: float) -> str:
    """What the event means for its reader, as sentences; '' where the event says all."""
    if event.event in ("ONBATT", "LOWBATT"):
        return _battery_meaning(event, now)
    return MEANINGS.get(event.event, "")


def _battery_meaning(event: AlertEvent, now: float) -> str:
    figures = event.figures
    left, predicted = runtime_left(event, now), number(figures, "predicted_runtime_s")
    if left is not None:
        first = f"The battery will last about {about(left)}"
    elif predicted is not None:
        first = f"At the begin the battery had a runtime of {about(predicted)}"
    else:
        first = "How long the battery lasts is not known"
    last = f" {MEANINGS['LOWBATT']}" if event.event == "LOWBATT" else ""
    return f"{first}{_state_of_battery(figures)}.{last}"


def _state_of_battery(figures: Mapping[str, object]) -> str:
    charge = percent(figures, *CHARGES)
    load = percent(figures, "load_now", "load_avg")
    state = listed([labelled("charge", charge), labelled("load", load)])
    return f"; {state}" if state else ""
