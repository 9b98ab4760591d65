"""Records of UPSes, nodes and gateways as retained messages: topic -> payload. Pure.

A topic of a figure holds a current value or is not there: an empty payload takes a retained message away. In
the JSON of what is stale the figures are null, and its topic of availability holds `offline`.
"""

import json
import math
from collections.abc import Iterator, Mapping

from outbound.mqtt.model import PublishedGateway, PublishedNode, PublishedSite, PublishedUps, Value
from outbound.mqtt.topics import AVAILABILITY, OFFLINE, ONLINE, Topics

OWN_TOPICS = ("command", "update", AVAILABILITY)  # of a UPS: no figure takes their place

Messages = dict[str, bytes]
Record = PublishedUps | PublishedNode | PublishedGateway


def state_messages(site: PublishedSite, topics: Topics) -> Messages:
    """Every retained message of a site, but the status of Voltkeeper itself."""
    records: tuple[Record, ...] = (*site.upses, *site.nodes, *site.gateways)
    return {
        topic: payload for record in records for topic, payload in record_messages(record, topics).items()
    }


def record_messages(record: Record, topics: Topics) -> Messages:
    """Every retained message of a UPS, a node or a gateway."""
    if isinstance(record, PublishedUps):
        return _ups_messages(record, topics)
    if isinstance(record, PublishedNode):
        return _node_messages(record, topics)
    return _gateway_messages(record, topics)


def _ups_messages(ups: PublishedUps, topics: Topics) -> Messages:
    found = {
        topics.ups(ups.name): _json(ups_json(ups)),
        topics.ups(ups.name, AVAILABILITY): _availability(ups.is_current),
    }
    for name, value in ups_figures(ups).items():
        if name not in OWN_TOPICS:
            found[topics.ups(ups.name, name)] = _plain(value)
    return found


def ups_json(ups: PublishedUps) -> Mapping[str, object]:
    """The JSON of a UPS: NUT names as they are; of one that is stale the figures are null."""
    figures = {name: value if ups.is_current else None for name, value in ups.variables.items()}
    current = ups.is_current
    return {
        **figures,
        "name": ups.name,
        "label": ups.label,
        "state": ups.state,
        "on_battery": ups.on_battery if current else None,
        "watts": ups.watts if current else None,
        "energy": ups.energy_kwh,
        "sampled_at": ups.sampled_at,
    }


def ups_figures(ups: PublishedUps) -> Mapping[str, Value]:
    """The figures of a UPS that have topics of their own: none of one that is stale, but for its energy."""
    figures: dict[str, Value | None] = {"energy": ups.energy_kwh}
    if ups.is_current:
        on_battery = None if ups.on_battery is None else str(ups.on_battery).lower()
        figures |= {**ups.variables, "watts": ups.watts, "on_battery": on_battery}
    return {name: value for name, value in figures.items() if value is not None and value != ""}


def _node_messages(node: PublishedNode, topics: Topics) -> Messages:
    place = (node.gateway, node.node_id)
    found = {
        topics.node(*place): _json(node_json(node)),
        topics.node(*place, AVAILABILITY): _availability(node.is_current),
    }
    if node.last_seen_at is not None:
        found[topics.node(*place, "last_seen_at")] = _plain(node.last_seen_at)
    if not node.is_current:
        return found
    if node.battery_level is not None:
        found[topics.node(*place, "battery")] = _plain(node.battery_level)
    for channel in node.channels:
        if channel.value is not None and channel.value != "":
            found[topics.channel(*place, channel.child_id, channel.type)] = _plain(channel.value)
    return found


def node_json(node: PublishedNode) -> Mapping[str, object]:
    """The JSON of a node; of one that is silent the battery and the values of channels are null."""
    return {
        "name": node.name,
        "gateway": node.gateway,
        "node_id": node.node_id,
        "state": node.state,
        "battery": node.battery_level if node.is_current else None,
        "last_seen_at": node.last_seen_at,
        "sketch_name": node.sketch_name,
        "sketch_version": node.sketch_version,
        "protocol_version": node.protocol_version,
        "firmware": node.firmware,
        "firmware_available": node.available,
        "channels": {
            f"{channel.child_id}/{channel.type}": channel.value if node.is_current else None
            for channel in node.channels
        },
    }


def _gateway_messages(gateway: PublishedGateway, topics: Topics) -> Messages:
    content = {
        "name": gateway.name,
        "connected": gateway.connected,
        "state": gateway.state,
        "detail": gateway.detail,
        "version": gateway.version,
        "last_message_at": gateway.last_message_at,
        "since_at": gateway.since_at,
    }
    return {
        topics.gateway(gateway.name): _json(content),
        topics.gateway(gateway.name, AVAILABILITY): _availability(gateway.connected),
    }


def changed_messages(before: Mapping[str, bytes], now: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """What is to be published so that `before` becomes `now`; an empty payload takes a topic away.

    What goes away comes first: of a UPS that is stale no subscriber sees an old number behind `offline`.
    """
    yield from ((topic, b"") for topic in before if topic not in now)
    yield from ((topic, payload) for topic, payload in now.items() if before.get(topic) != payload)


def _availability(is_current: bool) -> bytes:
    return (ONLINE if is_current else OFFLINE).encode()


def _plain(value: Value) -> bytes:
    """A value as text: `21.5`, `230`, `OL CHRG`."""
    return (_number_text(value) if isinstance(value, float | int) else value).encode("utf-8", "replace")


def _number_text(value: float) -> str:
    """The shortest text of a number, whole ones without a point."""
    number = _number(value)
    return repr(number)


def _number(value: float) -> float:
    return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else value


def _json(content: Mapping[str, object]) -> bytes:
    return json.dumps(_with_numbers(content), ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def _with_numbers(content: Mapping[str, object]) -> Mapping[str, object]:
    """Whole numbers without a point, also one level below."""
    return {
        key: _with_numbers(value)
        if isinstance(value, dict)
        else _number(value)
        if isinstance(value, float)
        else value
        for key, value in content.items()
    }
