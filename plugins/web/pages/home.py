"""The page /: is everything all right?"""

import time
from collections.abc import Mapping
from typing import NamedTuple

from datasette import Request, Response

from ingest.db.time import parse_utc
from ingest.schema.mysensors import LOW
from ingest.schema.ups import MAINS_OUTAGE_S
from plugins.web.pages.nodes import WORST, urgency
from plugins.web.query import Row, select_many
from plugins.web.readers import CONFIGURED_READERS, KINDS
from plugins.web.responses import page
from plugins.web.site import Site
from reporting.sparklines import UPS_LOADS, ups_loads

NODES, UPSES = 20, 24
ITEMS = 10  # things that need attention; the rest can be opened
EVENTS, EVENT_ROWS = 60, 8  # events that are looked at, and rows that they make
QUERIES = {
    "nodes": "select * from node_overview where retired_at is null",
    "upses": "select * from ups_overview where configured order by id",
    "loads": UPS_LOADS,
    "attention": "select * from attention",
    "readers": CONFIGURED_READERS,
    "events": f"select * from all_events order by id desc limit {EVENTS}",
    # The events ONBATT of mains outages that several UPSes saw.
    "outages": """select m.id as outage, e.value ->> '$.id' as event
      from mains_outages m, json_each(m.members) e where m.upses > 1""",
    "values": "select * from value_latest where last_at is not null order by last_at desc limit 12",
    "messages": "select * from recent_messages limit 10",
}


class EventGroup(NamedTuple):
    """Events that belong together: the newest of them, and the longest length in seconds."""

    event: Row
    names: list[str]
    seconds: float
    ongoing: bool


WITH_KEEPALIVE = """select * from (select * from recent_messages union all select * from keepalive_messages)
order by id desc limit 10"""


async def home(datasette: Site, request: Request) -> Response:
    """GET /; with `keepalive` the newest messages are all that came."""
    keepalive = bool(request.args.get("keepalive"))
    found = await select_many(datasette, QUERIES | ({"messages": WITH_KEEPALIVE} if keepalive else {}))
    outage_of = {row["event"]: row["outage"] for row in found["outages"] or []}
    upses = found["upses"] or []
    context = found | {
        "shown_upses": _first_upses(upses),
        "events": found["events"] and group_events(found["events"], outage_of)[:EVENT_ROWS],
        "on_mains": sum(ups["state"] == "OK" and not ups["on_battery_since"] for ups in upses),
        "loads": ups_loads(found["loads"], time.time()),
        "kinds": KINDS,
        "items": ITEMS,
        "keepalive": keepalive,
        **_count_nodes(found["nodes"] or []),
    }
    return await page(datasette, request, "index.html", context)


def _first_upses(upses: list[Row]) -> list[Row]:
    """All in the order of the config; the worst where there are too many."""
    return upses if len(upses) <= UPSES else sorted(upses, key=lambda ups: WORST[ups["state"]])[:UPSES]


def _count_nodes(nodes: list[Row]) -> dict[str, object]:
    levels = [
        node["battery_level"]
        for node in nodes
        if node["battery_level"] is not None and node["battery_refused_at"] is None
    ]
    heard = [node for node in nodes if node["last_seen_at"]]
    return {
        "worst": sorted(nodes, key=urgency)[:NODES],
        "counts": {state: sum(node["state"] == state for node in nodes) for state in WORST},
        "heard": len(heard),
        "fresh": sum(node["state"] != "Stale" for node in heard),
        "low": sum(level < LOW for level in levels),
    }


def group_events(events: list[Row], outage_of: Mapping[int, int]) -> list[EventGroup]:
    """Events, newest first, in groups: those of one mains outage, or alike and begun within a minute.

    `outage_of`: id of an event ONBATT -> key of its mains outage, where several UPSes saw that.
    """
    groups: list[list[Row]] = []
    for event in events:
        group = next((group for group in groups if _belongs(event, group, outage_of)), None)
        if group is None:
            groups.append([event])
        else:
            group.append(event)
    return [
        EventGroup(
            group[0],
            [event["label"] for event in group],
            max(event["seconds"] for event in group),
            any(event["ended_at"] is None for event in group),
        )
        for group in groups
    ]


def _belongs(event: Row, group: list[Row], outage_of: Mapping[int, int]) -> bool:
    first = group[0]
    if (event["kind"], event["event"]) != (first["kind"], first["event"]):
        return False
    if event["event"] == "ONBATT":
        return event["id"] in outage_of and outage_of[event["id"]] == outage_of.get(first["id"])
    return (
        (event["ended_at"] is None) == (first["ended_at"] is None)
        and abs(parse_utc(event["started_at"]) - parse_utc(first["started_at"])) <= MAINS_OUTAGE_S
        and event["href"] not in [other["href"] for other in group]
    )
