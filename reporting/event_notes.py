"""What a list of events says of each besides its name and its length. Pure."""

import json

from reporting.canned_queries import Row
from reporting.formatting import NARROW_SPACE, format_figure
from reporting.outages import MainsOutage


def event_note(event: Row, outage: MainsOutage | None = None) -> str:
    """What was measured in a row of `all_events`, its detail and its acknowledgement; '' where there is none.

    `outage` is the mains outage that an event ONBATT belongs to.
    """
    parts = [
        *(_of_outage(outage) if outage else []),
        *(_of_test(event) if event["event"] == "TEST" else []),
        event["detail"],
        event["acknowledged"],
    ]
    return ", ".join(part for part in parts if part)


def _of_outage(outage: MainsOutage) -> list[str]:
    found = []
    if outage.lowest_charge is not None:
        found.append(f"down to {format_figure(outage.lowest_charge, '%')}")
    elif outage.lowest_battery_voltage is not None:
        found.append(f"down to {format_figure(outage.lowest_battery_voltage, 'V')}")
    return found if outage.wh is None else [*found, f"{outage.wh:.1f}{NARROW_SPACE}Wh"]


def _of_test(event: Row) -> list[str]:
    figures = json.loads(event["figures"] or "{}")
    result, starter = figures.get("result"), figures.get("started_by")
    return [text for text in (result, f"started by {starter}" if starter else None) if text]
