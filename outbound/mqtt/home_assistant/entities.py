"""An entity of Home Assistant and the device that it belongs to, as a message of discovery. Pure.

The ids are made of the keys of rows and of the id of the database: a name may change, they do not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from outbound.mqtt.home_assistant.device_classes import Measure
from outbound.mqtt.topics import OFFLINE, ONLINE

Content = dict[str, object]

DIAGNOSTIC, CONFIG = "diagnostic", "config"
MAX_STATE = 255  # characters that Home Assistant takes as a state
# What is no number, such as `nan`, is an unknown state; for a number sensor it would be an error.
NUMBER_TEMPLATE = "{{ value if is_number(value) else none }}"
# An empty payload is that of a topic that is taken away: unknown, and no moment or choice that is wrong.
KNOWN_TEMPLATE = "{{ value or none }}"
TEXT_TEMPLATE = f"{{{{ value[:{MAX_STATE}] if value else none }}}}"
ON, OFF = "ON", "OFF"


def json_template(key: str) -> str:
    """A template: one value of a JSON; unknown while the topic is taken away by an empty payload."""
    return f"{{{{ value_json.{key} if value_json is defined else none }}}}"


@dataclass(frozen=True)
class Entity:
    """One entity: its platform, a key that is stable within its device, its name and the other options.

    `diagnostic` is what says something about the device itself; what is not `enabled` is listed by Home
    Assistant and hidden until a user enables it.
    """

    platform: str
    key: str
    name: str
    options: Mapping[str, object]
    diagnostic: bool = False
    enabled: bool = True

    @property
    def component_id(self) -> str:
        """Its key in the message. The platform is a part of it: another platform is another entity."""
        return f"{self.platform}_{self.key}"


@dataclass(frozen=True)
class AnnouncedDevice:
    """One device: its id, which is also its identifier, what is known of it, and its entities.

    Its entities are available while all topics of `availability` say `online`. `page` is its page here.
    """

    id: str
    name: str
    availability: tuple[str, ...]
    entities: tuple[Entity, ...]
    page: str = ""
    via: str | None = None
    facts: Mapping[str, str | None] = field(default_factory=dict)  # model, manufacturer, sw_version ...


def device_message(device: AnnouncedDevice, origin: Mapping[str, str], link: str = "") -> Content:
    """The message that announces a device: `device`, `origin`, `components`, and what all of these share.

    `link` is the address of the site, without a slash at its end.
    """
    return {
        "device": {
            "identifiers": [device.id],
            "name": device.name,
            **{key: value for key, value in device.facts.items() if value},
            **({} if device.via is None else {"via_device": device.via}),
            **({"configuration_url": link + quote(device.page, "/@")} if link else {}),
        },
        "origin": dict(origin),
        **availability(*device.availability),
        "qos": 1,
        "components": {entity.component_id: _component(entity, device) for entity in device.entities},
    }


def availability(*topics: str) -> Content:
    """The options of what is available while all these topics say `online`."""
    return {
        "availability": [
            {"topic": topic, "payload_available": ONLINE, "payload_not_available": OFFLINE}
            for topic in topics
        ],
        "availability_mode": "all",
    }


def _component(entity: Entity, device: AnnouncedDevice) -> Content:
    return {
        "platform": entity.platform,
        "unique_id": f"{device.id}_{entity.key}",
        "name": entity_name(entity.name, device.name),
        **({"entity_category": DIAGNOSTIC} if entity.diagnostic else {}),
        **({} if entity.enabled else {"enabled_by_default": False}),
        **entity.options,
    }


def entity_name(name: str, device_name: str) -> str:
    """The name of an entity without that of its device, which Home Assistant puts before it."""
    rest = name.removeprefix(device_name).lstrip(" ·:,-")
    kept = rest or name
    return kept[:1].upper() + kept[1:]


def key_of(name: str) -> str:
    """A name of NUT's as a key: `battery.charge` as `battery_charge`; two names never have one key."""
    return re.sub(r"[^a-zA-Z0-9.-]", lambda found: f"-{ord(found[0]):x}-", name).replace(".", "_")


def number_sensor(topic: str, measure: Measure, expire_s: int | None) -> Content:
    """The options of a sensor that shows the number of a topic.

    Without a message for `expire_s` seconds it is unavailable.
    """
    return _known(
        state_topic=topic,
        value_template=NUMBER_TEMPLATE,
        device_class=measure.device_class,
        state_class=measure.state_class,
        unit_of_measurement=measure.unit,
        suggested_display_precision=measure.decimals,
        expire_after=expire_s,
    )


def text_sensor(topic: str, expire_s: int | None) -> Content:
    """The options of a sensor that shows the text of a topic."""
    return _known(state_topic=topic, value_template=TEXT_TEMPLATE, expire_after=expire_s)


def binary_sensor(topic: str, condition: str, device_class: str | None, expire_s: int | None) -> Content:
    """The options of a binary sensor; the condition is true of payloads that are ON.

    An empty payload is that of a topic which is taken away, before it says that its device is not heard: it
    is no state, or a window would seem to close.
    """
    return _known(
        state_topic=topic,
        value_template=f"{{% if value %}}{{{{ '{ON}' if {condition} else '{OFF}' }}}}{{% endif %}}",
        payload_on=ON,
        payload_off=OFF,
        device_class=device_class,
        expire_after=expire_s,
    )


def connection_sensor(topic: str, status_topic: str) -> Entity:
    """Whether a device is heard, by its topic of availability: so it is available while Voltkeeper is.

    Whether Voltkeeper itself publishes is shown while it does not.
    """
    options: Content = {
        "state_topic": topic,
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
        "device_class": "connectivity",
        **availability(status_topic),
    }
    if topic == status_topic:
        options["availability"] = [{"topic": topic, "value_template": f"{{{{ '{ONLINE}' }}}}"}]
    return Entity("binary_sensor", "communication", "Communication", options, diagnostic=True)


def state_sensor(topic: str, status_topic: str) -> Entity:
    """How a device is: OK, Warning, Stale and others, from its JSON; also while it is not heard."""
    options = {"state_topic": topic, "value_template": json_template("state"), **availability(status_topic)}
    return Entity("sensor", "state", "State", options, diagnostic=True)


def event_entity(topic: str, events: tuple[str, ...], status_topic: str) -> Entity:
    """The events of a device, also that it is not heard, so that they come while it is not.

    The end of one has a type of its own, so that no automation runs twice.
    """
    template = (
        "{{ dict(value_json, event_type=value_json.event ~ ('_END' if value_json.kind == 'end' else ''))"
        " | to_json }}"
    )
    types = [f"{event}{end}" for event in events for end in ("", "_END")]
    options = {"state_topic": topic, "value_template": template, "event_types": types}
    return Entity("event", "event", "Event", options | availability(status_topic))


def _known(**options: object) -> Content:
    return {key: value for key, value in options.items() if value is not None}
