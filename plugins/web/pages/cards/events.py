"""The newest events, those that belong together in one row."""

from collections.abc import Mapping
from typing import NamedTuple

from ingest.db.time import parse_utc
from ingest.schema.ups import MAINS_OUTAGE_S
from plugins.web.query import Row, select_many
from plugins.web.site import Site

EVENTS = 60  # that are looked at
QUERIES = {
    "events": f"select * from all_events order by id desc limit {EVENTS}",
    # The events ONBATT of mains outages that several UPSes saw.
    "outages": """select m.id as outage, e.value ->> '$.id' as event
      from mains_outages m, json_each(m.members) e where m.upses > 1""",
}


class EventGroup(NamedTuple):
    """Events that belong together: the newest of them, and the longest length in seconds."""

    event: Row
    names: list[str]
    seconds: float
    ongoing: bool


async def read_events(site: Site) -> tuple[list[Row] | None, dict[int, int]]:
    """The newest events, None where they took too long; id of an event ONBATT -> key of its mains outage."""
    found = await select_many(site, QUERIES)
    return found["events"], {row["event"]: row["outage"] for row in found["outages"] or []}


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
