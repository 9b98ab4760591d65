"""Reads what is published from the database: rows as the records of `outbound.mqtt.model`. Only reads."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

from ingest.config.metrics import IDENTIFIERS
from ingest.db.connection import Row, dict_rows
from ingest.ups.plausible import plausible_range, read_figures
from outbound.mqtt.model import (
    PublishedChannel,
    PublishedGateway,
    PublishedNode,
    PublishedSensor,
    PublishedSite,
    PublishedUps,
    Value,
)
from reporting.totals import Totals
from reporting.ups_state import is_old, is_on_battery

UPSES = "select * from ups_overview where configured order by id"
VARIABLES = "select ups, variable, value, number from ups_variables order by ups, variable"
NODES = """select * from node_overview where last_seen_at is not null and retired_at is null
  and gateway in (select name from gateways where configured) order by id"""
# The newest firmware that is stored of the type that a node runs.
FIRMWARE = """select f.node, f.type || '/' || f.version as runs,
  f.type || '/' || (select max(version) from firmware where type = f.type) as available
  from node_firmware f where f.type is not null and f.version is not null"""
CHANNELS = """select id, node, child_id, type, sensor_type, name, unit, value, text, last_at from value_latest
  where last_at is not null order by id"""
SENSORS = """select node, child_id, type_name as type, name from sensors
  where type is not null and child_id < 255 order by id"""
GATEWAYS = """select g.id, g.name, g.version, g.address, g.last_seen_at, r.state, r.verdict, r.words,
  r.since_at from gateways g left join readers r on r.source = g.name and r.kind = 'mysensors'
  where g.configured order by g.id"""
TEXTS = (*IDENTIFIERS, "*.version", "*.version.*", "*.date", "*.time", "*.mfr", "*.model", "*.name")
# Of the reader of a gateway: what is known of its nodes is from before.
LOST = ("Critical", "Stale", None)
CONNECTED = ("connected", "silent")


Variable = tuple[int, str, str, float | None]  # a row of VARIABLES


class SiteReader:
    """Reads the parts of a site; a UPS whose rows have not changed stays the record that it is."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._upses: dict[int, tuple[tuple[Row, list[Variable], float | None], PublishedUps]] = {}

    def read(self, connection: sqlite3.Connection) -> PublishedSite:
        """Everything."""
        return PublishedSite(self.upses(connection), self.nodes(connection), self.gateways(connection))

    def upses(self, connection: sqlite3.Connection) -> tuple[PublishedUps, ...]:
        """The UPSes of the config, with every variable."""
        variables: dict[int, list[Variable]] = defaultdict(list)
        for variable in connection.execute(VARIABLES):
            variables[variable[0]].append(variable)
        energy = self._totals.read(connection)[0].watt_hours
        before, self._upses = self._upses, {}
        for row in dict_rows(connection, UPSES):
            id = row["id"]
            rows = (row, variables[id], energy.get(id))
            held = before.get(id)
            if held is None or held[0] != rows:
                held = (rows, _ups(*rows))
            self._upses[id] = held
        return tuple(ups for _, ups in self._upses.values())

    def nodes(self, connection: sqlite3.Connection) -> tuple[PublishedNode, ...]:
        """The nodes that were heard, with their channels."""
        channels: dict[int, list[PublishedChannel]] = defaultdict(list)
        for row in dict_rows(connection, CHANNELS):
            channels[row["node"]].append(_channel(row))
        sensors: dict[int, list[PublishedSensor]] = defaultdict(list)
        for row in dict_rows(connection, SENSORS):
            sensors[row["node"]].append(PublishedSensor(row["child_id"], row["type"], row["name"]))
        firmware = {row["node"]: row for row in dict_rows(connection, FIRMWARE)}
        lost = {row["name"] for row in dict_rows(connection, GATEWAYS) if row["verdict"] in LOST}
        return tuple(
            _node(row, sensors[row["id"]], channels[row["id"]], firmware.get(row["id"], {}), lost)
            for row in dict_rows(connection, NODES)
        )

    def gateways(self, connection: sqlite3.Connection) -> tuple[PublishedGateway, ...]:
        """The gateways of the config."""
        return tuple(_gateway(row) for row in dict_rows(connection, GATEWAYS))


@lru_cache(maxsize=4096)
def _is_text(variable: str) -> bool:
    """Whether a variable only names something, so that `007` and `2.80` stay what they are."""
    return any(fnmatchcase(variable, pattern) for pattern in TEXTS)


@lru_cache(maxsize=4096)  # most texts are those of the poll before
def _value(variable: str, text: str, number: float | None) -> Value | None:
    """A variable as a number or text; None for a figure that cannot be."""
    if number is None or _is_text(variable):
        return text
    if plausible_range(variable) is None:
        return number
    return read_figures({variable: text}).figures.get(variable)


def _ups(row: Row, variables: Iterable[Variable], watt_hours: float | None) -> PublishedUps:
    is_current = not is_old(row)
    return PublishedUps(
        id=row["id"],
        name=row["name"],
        label=row["label"],
        state=row["state"],
        is_current=is_current,
        reason=row["reason"] or "",
        driver=row["driver"],
        source=row["source"],
        location=row["location"] or "",
        mfr=row["mfr"],
        model=row["model"],
        serial=row["serial"],
        firmware=row["firmware"],
        sampled_at=row["sampled_at"],
        on_battery=is_on_battery(row) if is_current else None,
        watts=row["watts"],
        energy_kwh=None if watt_hours is None else round(watt_hours / 1000, 6),
        variables={name: _value(name, text, number) for _, name, text, number in variables},
    )


def _node(
    row: Row,
    sensors: Iterable[PublishedSensor],
    channels: Iterable[PublishedChannel],
    firmware: Row,
    lost: set[str],
) -> PublishedNode:
    return PublishedNode(
        id=row["id"],
        gateway=row["gateway"],
        node_id=row["node_id"],
        name=row["name"],
        state=row["state"],
        is_current=row["state"] not in ("Stale", "No data", "Critical") and row["gateway"] not in lost,
        reason=row["reason"] or "",
        label=row["label"] or "",
        role=row["role"],
        location=row["location"] or "",
        sketch_name=row["sketch_name"],
        sketch_version=row["sketch_version"],
        protocol_version=row["protocol_version"],
        battery_level=None if row["battery_refused_at"] else row["battery_level"],
        has_battery=row["battery_level"] is not None,
        last_seen_at=row["last_seen_at"],
        firmware=firmware.get("runs"),
        available=firmware.get("available"),
        sensors=tuple(sensors),
        channels=tuple(channels),
    )


def _channel(row: Row) -> PublishedChannel:
    value = row["text"] if row["value"] is None else row["value"]
    return PublishedChannel(
        row["id"],
        row["child_id"],
        row["type"],
        row["sensor_type"],
        row["name"],
        row["unit"] or "",
        value,
        row["last_at"],
    )


def _gateway(row: Row) -> PublishedGateway:
    return PublishedGateway(
        id=row["id"],
        name=row["name"],
        connected=row["state"] in CONNECTED and row["verdict"] not in LOST,
        state=row["verdict"] or "No data",
        detail=row["words"] or "",
        version=row["version"],
        address=row["address"],
        last_message_at=row["last_seen_at"],
        since_at=row["since_at"],
    )
