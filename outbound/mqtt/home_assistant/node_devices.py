"""The site, gateways and nodes as devices of Home Assistant. Pure."""

from collections.abc import Iterator

from ingest.event_names import GATEWAY_EVENTS, HOST_EVENTS, NODE_EVENTS
from outbound.mqtt.home_assistant.channel_entities import channel_entities
from outbound.mqtt.home_assistant.device_classes import measure
from outbound.mqtt.home_assistant.entities import (
    KNOWN_TEMPLATE,
    AnnouncedDevice,
    Content,
    Entity,
    availability,
    connection_sensor,
    event_entity,
    json_template,
    number_sensor,
    state_sensor,
)
from outbound.mqtt.model import PublishedGateway, PublishedNode
from outbound.mqtt.topics import AVAILABILITY, NEWEST, UPDATE, Topics

# The versions of a firmware type; where none is stored, what runs is the newest. Nothing of an empty payload,
# which takes the topic away.
UPDATE_TEMPLATE = (
    "{% if value_json is defined and value_json.firmware %}{{ {"
    "'installed_version': value_json.firmware.split('/')[1], "
    "'latest_version': (value_json.firmware_available or value_json.firmware).split('/')[1]"
    "} | to_json }}{% endif %}"
)
NO_FIRMWARE = "65535/65535"  # what a node reports that was flashed by cable


def site_device(id: str, title: str, software: str, topics: Topics) -> AnnouncedDevice:
    """Voltkeeper itself: whether it publishes, and the events of its machine."""
    entities = (
        connection_sensor(topics.status, topics.status),
        event_entity(topics.event("site"), HOST_EVENTS, topics.status),
    )
    facts = {"manufacturer": "Voltkeeper", "model": "Voltkeeper", "sw_version": software}
    return AnnouncedDevice(id, title, (topics.status,), entities, "/", None, facts)


def gateway_name(gateway: str) -> str:
    """The name of the device of a gateway."""
    return f"Gateway {gateway}"


def gateway_device(id: str, gateway: PublishedGateway, via: str, topics: Topics) -> AnnouncedDevice:
    """A gateway: whether it is connected, when it was last heard, its events."""
    topic, own = topics.gateway(gateway.name), topics.gateway(gateway.name, AVAILABILITY)
    entities = [
        connection_sensor(own, topics.status),
        state_sensor(topic, topics.status),
        event_entity(topics.event("gateway", gateway.name), GATEWAY_EVENTS, topics.status),
    ]
    if gateway.last_message_at is not None:
        moment = {
            "state_topic": topic,
            "value_template": json_template("last_message_at"),
            "device_class": "timestamp",
        }
        options = moment | availability(topics.status)
        entities.append(Entity("sensor", "last_message_at", "Last message", options, diagnostic=True))
    facts = {"manufacturer": "MySensors", "model": "Gateway", "sw_version": gateway.version}
    page = f"/nodes/{gateway.name}/0"
    return AnnouncedDevice(
        id, gateway_name(gateway.name), (topics.status, own), tuple(entities), page, via, facts
    )


def node_device(
    id: str,
    node: PublishedNode,
    via: str,
    topics: Topics,
    commands: bool,
    updates: bool,
    expire_s: int | None,
) -> AnnouncedDevice:
    """A node: its battery, whether it is heard, the values of its sensors, its firmware, its events."""
    own = topics.node(node.gateway, node.node_id, AVAILABILITY)
    entities = (
        *channel_entities(node, topics, commands, expire_s),
        *_own_entities(node, topics, updates, expire_s),
        connection_sensor(own, topics.status),
        event_entity(
            topics.event("node", node.gateway, str(node.node_id)), ("VALUE", *NODE_EVENTS), topics.status
        ),
    )
    library = None if node.protocol_version is None else f"MySensors {node.protocol_version}"
    facts = {
        "manufacturer": "MySensors",
        "model": node.sketch_name,
        "sw_version": " · ".join(filter(None, (node.sketch_version, library))),
        "suggested_area": node.location,
    }
    page = f"/nodes/{node.gateway}/{node.node_id}"
    # The radio node of a gateway has its name until it is given a label: two devices would look like one.
    name = node.name if node.name != gateway_name(node.gateway) else f"{node.name}, radio"
    return AnnouncedDevice(id, name, (topics.status, own), entities, page, via, facts)


def _own_entities(
    node: PublishedNode, topics: Topics, updates: bool, expire_s: int | None
) -> Iterator[Entity]:
    """What a node reports of itself. Its state and when it was heard are available while it is silent."""
    place, always = (node.gateway, node.node_id), availability(topics.status)
    if node.has_battery:
        battery = number_sensor(topics.node(*place, "battery"), measure("battery", "%"), expire_s)
        yield Entity("sensor", "battery", "Battery", battery, diagnostic=True)
    seen: Content = {
        "state_topic": topics.node(*place, "last_seen_at"),
        "value_template": KNOWN_TEMPLATE,
        "device_class": "timestamp",
    }
    yield Entity("sensor", "last_seen_at", "Last seen", seen | always, diagnostic=True)
    yield state_sensor(topics.node(*place), topics.status)
    if node.firmware not in (None, NO_FIRMWARE):
        options = {"state_topic": topics.node(*place), "value_template": UPDATE_TEMPLATE, **always}
        options |= {"device_class": "firmware", "title": f"Firmware type {node.firmware.partition('/')[0]}"}
        if updates:
            # What is stored may change sooner than this message: what is installed is what is shown then.
            options |= {"command_topic": topics.node(*place, UPDATE), "payload_install": NEWEST}
        yield Entity("update", "firmware", "Firmware", options)
