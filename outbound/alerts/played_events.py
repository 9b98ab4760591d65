"""Events that a rehearsal plays: what a real one of that kind would be, of UPSes and nodes that there are.

Nothing of them is stored in `events`; their `id` is None.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ingest.config.model import Config
from ingest.db.connection import Row, dict_rows
from ingest.errors import VoltkeeperError
from ingest.event_names import GATEWAY_EVENTS, NODE_EVENTS, UPS_EVENTS
from ingest.nearest import nearest
from ingest.schema.events import OF_THE_HOST
from ingest.severity import event_severity
from outbound.alerts.kinds import KNOWN_EVENTS
from outbound.alerts.model import AlertEvent
from outbound.alerts.present import present_figures

LASTED_S = 300.0  # how long ago a played event began
UPSES = "select id, name, label, '/ups/' || name as href from ups where configured order by id"
NODES = """select n.id, g.name || '/' || n.node_id as name, n.name as label,
    '/nodes/' || g.name || '/' || n.node_id as href
  from nodes n join gateways g on g.id = n.gateway where g.configured and n.node_id <> 0 order by n.id"""
GATEWAYS = """select id, name, name as label, '/nodes?gateway=' || name as href
  from gateways where configured order by id"""
DETAILS: Mapping[str, str] = MappingProxyType(  # as those of real events are
    {
        "NODE_SILENT": "silent for more than 2 h",
        "BATTERY_DUE": "battery empty about 3 May (20 April to 25 May)",
        "GATEWAY_LOST": "Connection refused",
        "COMMBAD": "driver: Data stale",
        "ALARM": "Internal UPS fault!",
        "TEST_FAILED": "Done and error",
        "OVER": "load 112 %",
        "PHASE_LOST": "phase L2 lost: 3 V, 231 V on the others",
        "AMBIENT": "temperature around it above 40 °C: 43 °C",
        "OTA_FAILED": "no answer for 10 min",
        "OTA_CONFIRMED": "10/4",
        "ROLLOUT_STOPPED": "2 of 5 nodes failed",
        "IDS_SHORT": "9 ids are left",
        "STRANGE_MESSAGES": "11 strange messages within a day",
        "DISK_LOW": "93 MB free",
        "INGEST_DOWN": "no heartbeat for 2 min",
        "SITE_DOWN": "no answer for 2 min",
        "PART_DIES": "ingest ended 5 times in 10 min",
        "BACKUP_FAILED": "no space left on the device",
        "CLOCK_SUSPECT": "31 days ahead of the last time that was believed",
        "PLAN_STEP_FAILED": "stop-lab: exit code 1",
        "SCHEDULED_COMMAND": "selftest: Done and passed (Start a quick battery test)",
        "SCHEDULED_COMMAND_FAILED": "selftest: failed: Done and error (Start a quick battery test)",
    }
)
FIGURES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "OVER": {"value": 112.0},
        "LOAD_HIGH": {"value": 85.0, "limit": 80.0},
        "CHARGE_LOW": {"value": 18.0, "limit": 20.0},
        "HOT": {"value": 43.0, "limit": 40.0},
        "VOLTAGE": {"value": 262.0, "limit": 255.0},
        "INPUT_LOW": {"value": 172.0, "limit": 180.0},
        "NODE_BATTERY_LOW": {"battery_level": 18},
    }
)
NO_FIGURES: Mapping[str, object] = MappingProxyType({})


class RehearsalError(VoltkeeperError):
    """A rehearsal that cannot be played; `field` is what is wrong with the request, '' for nothing of it."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class PlayedEvent:
    """An event in the order in which it is told: its begin, or its end."""

    event: AlertEvent
    is_end: bool = False


def play_outage(
    connection: sqlite3.Connection, ups: str, now: float, low_battery: bool = False
) -> list[PlayedEvent]:
    """An outage of a UPS, '' for the first one, from its begin to its end. Raises RehearsalError."""
    row = _find(connection, UPSES, ups, "ups", "UPS")
    events = [_event("ONBATT", "UPS", row, now, present_figures(connection, row["id"], now))]
    if low_battery:
        events.append(_event("LOWBATT", "UPS", row, now, events[0].figures))
    ends = [replace(event, ended_at=now) for event in reversed(events)]
    return [*(PlayedEvent(event) for event in events), *(PlayedEvent(event, True) for event in ends)]


def play_silence(connection: sqlite3.Connection, node: str, now: float) -> list[PlayedEvent]:
    """A node, GATEWAY/NODE_ID or '' for the first one, that is silent and back. Raises RehearsalError."""
    row = _find(connection, NODES, node, "node", "node")
    event = _event("NODE_SILENT", "node", row, now)
    return [PlayedEvent(event), PlayedEvent(replace(event, ended_at=now), True)]


def play_all(connection: sqlite3.Connection, config: Config, now: float) -> list[PlayedEvent]:
    """Each kind of event that rules or defaults send: its begin; of an outage its end, too."""
    rules = config.alerts.rules if config.alerts else ()
    named = {name for rule in rules for name in rule.events}
    wanted = [
        name
        for name, kind in KNOWN_EVENTS.items()
        if (name in named if rules else kind.in_defaults) or name == "TARGET_FAILING"
    ]
    events = [event for name in wanted for event in _of_kind(connection, config, name, now)]
    ends = [replace(event, ended_at=now) for event in events if event.event == "ONBATT"]
    return [*(PlayedEvent(event) for event in events), *(PlayedEvent(event, True) for event in ends)]


def _of_kind(connection: sqlite3.Connection, config: Config, name: str, now: float) -> Iterator[AlertEvent]:
    """One event of a kind; none where there is nothing that it could be about."""
    if name == "VALUE":
        yield from _threshold(connection, config, now)
    elif name == "TARGET_FAILING":
        for target in (config.alerts.targets if config.alerts else ())[:1]:
            failing = {"target": target.name, "reason": "HTTP 503"}
            about = {"id": None, "name": target.name, "label": target.name, "href": "/-/alerts"}
            event = _event(name, "machine", about, now, failing)
            yield replace(event, detail=f"{target.name}: HTTP 503")
    elif name in OF_THE_HOST:
        kind, subject = OF_THE_HOST[name]
        yield _event(name, kind, {"id": None, "name": subject, "label": subject, "href": "/"}, now)
    else:
        for kind, names, sql in (
            ("UPS", UPS_EVENTS, UPSES),
            ("node", NODE_EVENTS, NODES),
            ("gateway", GATEWAY_EVENTS, GATEWAYS),
        ):
            for row in dict_rows(connection, f"{sql} limit 1") if name in names else ():
                is_ups = kind == "UPS"
                figures = present_figures(connection, row["id"], now) if is_ups else NO_FIGURES
                yield _event(name, kind, row, now, figures)


def _threshold(connection: sqlite3.Connection, config: Config, now: float) -> Iterator[AlertEvent]:
    """The value of the first threshold is beyond its limit."""
    for threshold in config.thresholds[:1]:
        kind, sql, name = ("UPS", UPSES, threshold.ups)
        if threshold.channel:
            kind, sql, name = ("node", NODES, "/".join(threshold.channel.split("/")[:2]))
        row = next((row for row in dict_rows(connection, sql) if row["name"] == name), None)
        if row is not None:
            is_above = threshold.above is not None
            limit = f"above {threshold.above:g}" if is_above else f"below {threshold.below:g}"
            detail = f"{threshold.name}: {row['label']}, {limit}"
            yield replace(_event("VALUE", kind, row, now), detail=detail)


def _find(connection: sqlite3.Connection, sql: str, name: str, field: str, kind: str) -> Row:
    rows = {row["name"]: row for row in dict_rows(connection, sql)}
    if not rows:
        raise RehearsalError(f"There is no {kind} yet: ingest stores them as it hears of them", field)
    if name and name not in rows:
        raise RehearsalError(f"{field} is {name!r}: there is no such {kind}; {nearest(name, rows)}", field)
    return rows[name] if name else next(iter(rows.values()))


def _event(
    name: str,
    kind: str,
    row: Mapping[str, object],
    now: float,
    figures: Mapping[str, object] = NO_FIGURES,
) -> AlertEvent:
    """A played event that goes on; `row` has the key, names and page of what it is about."""
    key = row["id"] if isinstance(row["id"], int) else None
    return AlertEvent(
        None,
        name,
        event_severity(name),
        kind,
        str(row["name"]),
        str(row["label"]),
        now - LASTED_S,
        detail=DETAILS.get(name, ""),
        figures={**figures, **FIGURES.get(name, {})},
        href=str(row["href"]),
        ups=key if kind == "UPS" else None,
        node=key if kind == "node" else None,
        gateway=key if kind == "gateway" else None,
    )
