"""The part of /metrics about MySensors nodes and channels. Values of a node that is stale are left out."""

from collections.abc import Mapping, Sequence

from ingest.db.time import parse_utc
from plugins.web.export.descriptions import Descriptions
from plugins.web.export.metric import Metric, column, flags, labels_of
from plugins.web.export.ups_metrics import SEVERITIES, SEVERITY_HELP
from plugins.web.query import Row

NODES = "select * from node_overview where last_seen_at is not null and retired_at is null order by id"
CHANNELS = """select node, gateway, node_id, child_id, type, name, node_name, unit, value, last_at
  from value_latest order by id"""
OTA = "select gateway, node_id, sent, blocks from ota_overview where is_open and blocks > 0"
# Labels of the first metrics, and of those that came later.
OF_NAMED = {"gateway": "gateway", "node_id": "node_id", "name": "name"}
OF_NODE = {"gateway": "gateway", "node": "node_id"}
OF_CHANNEL = {"gateway": "gateway", "node": "node_id", "child": "child_id", "type": "type"}
CHANNEL_INFO = ("name", "node_name", "unit")
INFO = {
    "name": "name",
    "location": "location",
    "role": "role",
    "sketch": "sketch_name",
    "sketch_version": "sketch_version",
    "library": "protocol_version",
}
GAUGES = {  # metric -> column of node_overview and its divisor, for nodes that are heard
    "node_arc_ratio": ("arc", 100),
    "node_signal_decibels": ("signal", 1),
}


def node_metrics(nodes: Sequence[Row], messages: Mapping[int, int], describe: Descriptions) -> list[Metric]:
    """State, battery, silence and messages of nodes."""
    heard = [node for node in nodes if node["state"] != "Stale"]
    known = [node for node in heard if not node["battery_refused_at"]]
    refused = [node for node in heard if node["battery_refused_at"]]
    info = [(labels_of(node, OF_NODE | INFO), 1.0) for node in nodes]
    return [
        *_first_metrics(nodes, heard, known, refused, describe),
        Metric("node_info", "Name, place and program of the node.", info, "info"),
        Metric(
            "node_last_seen_timestamp_seconds",
            describe.of("node_overview.last_seen_at", "Unix time"),
            [(labels_of(node, OF_NODE), parse_utc(node["last_seen_at"])) for node in nodes],
        ),
        Metric(
            "node_stale_after_seconds",
            describe.of("node_overview.stale_after_s"),
            column(nodes, OF_NODE, "stale_after_s"),
        ),
        Metric(
            "node_battery_ratio",
            describe.of("node_overview.battery_level", "Here 1 is full"),
            column(known, OF_NODE, "battery_level", 100),
        ),
        *(
            Metric(name, describe.of(f"node_overview.{of}"), column(heard, OF_NODE, of, divisor))
            for name, (of, divisor) in GAUGES.items()
        ),
        Metric(
            "node_messages_total",
            "Messages of the node and to it.",
            [(labels_of(node, OF_NODE), messages.get(node["id"], 0)) for node in nodes],
            "counter",
        ),
    ]


def _first_metrics(
    nodes: Sequence[Row],
    heard: Sequence[Row],
    known: Sequence[Row],
    refused: Sequence[Row],
    describe: Descriptions,
) -> list[Metric]:
    """Those with the labels of before."""
    severities = [
        (labels_of(node, OF_NAMED), SEVERITIES[node["state"]])
        for node in heard
        if node["state"] in SEVERITIES
    ]
    return [
        Metric(
            "node_up",
            "1 while the node is silent for no longer than its limit.",
            flags(nodes, OF_NAMED, lambda node: node["state"] != "Stale"),
        ),
        Metric(
            "node_age_seconds", describe.of("node_overview.silent_s"), column(nodes, OF_NAMED, "silent_s")
        ),
        Metric("node_severity", f"State of a node that is heard: {SEVERITY_HELP}.", severities),
        Metric(
            "node_battery_percent",
            describe.of("node_overview.battery_level"),
            column(known, OF_NAMED, "battery_level"),
        ),
        Metric(
            "node_battery_refused",
            "1 where the newest report of the battery level is refused, so that the level is not known.",
            flags(refused, OF_NAMED, lambda node: True),
        ),
    ]


def channel_metrics(channels: Sequence[Row], nodes: Sequence[Row], describe: Descriptions) -> list[Metric]:
    """Values of channels of the nodes that are heard, with names and units in a metric of their own."""
    states = {node["id"]: node["state"] for node in nodes}
    shown = [
        (one, labels_of(one, OF_CHANNEL))
        for one in channels
        if one["value"] is not None and one["node"] in states
    ]
    current = [(labels, one["value"]) for one, labels in shown if states[one["node"]] != "Stale"]
    seen = [(labels, parse_utc(one["last_at"])) for one, labels in shown if one["last_at"]]
    info = [(labels | {key: one[key] or "" for key in CHANNEL_INFO}, 1.0) for one, labels in shown]
    return [
        Metric(
            "channel_value",
            describe.of("value_latest.value", "Names and units are in voltkeeper_channel_info"),
            current,
        ),
        Metric("channel_info", "Name and unit of the channel.", info, "info"),
        Metric(
            "channel_last_seen_timestamp_seconds",
            describe.of("value_latest.last_at", "Unix time"),
            seen,
        ),
    ]


def ota_metrics(updates: Sequence[Row]) -> list[Metric]:
    """How far the updates of firmware are that are not done."""
    progress = [(labels_of(one, OF_NODE), one["sent"] / one["blocks"]) for one in updates]
    return [Metric("ota_progress_ratio", "Blocks of the firmware that are sent; 1 is all.", progress)]
