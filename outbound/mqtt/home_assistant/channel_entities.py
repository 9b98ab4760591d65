"""The values of a node's sensors as entities of Home Assistant, reported ones and those to set. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingest.mysensors.channel_controls import offered_types
from ingest.mysensors.protocol import Presentation, SetReq
from outbound.mqtt.home_assistant.channel_controls import COVER_TYPES, LIGHTS, cover, light, single_control
from outbound.mqtt.home_assistant.channel_kinds import channel_kind
from outbound.mqtt.home_assistant.device_classes import measure
from outbound.mqtt.home_assistant.entities import Entity, binary_sensor, number_sensor, text_sensor
from outbound.mqtt.model import PublishedChannel, PublishedNode
from outbound.mqtt.topics import Topics
from reporting.message_text import sensor_kind, value_name

IS_TRUE, IS_FALSE = "value | float(0)", "not value | float(0)"
UNKNOWN_TYPE = -1  # of a symbol that the library does not know


@dataclass(frozen=True)
class _Sensor:
    """A sensor of a node: its child id, S_ type, name for people ('' for none), and channels by V_ type."""

    child_id: int
    type: int | None
    name: str
    channels: Mapping[int, PublishedChannel]


def channel_entities(
    node: PublishedNode, topics: Topics, commands: bool, expire_s: int | None
) -> tuple[Entity, ...]:
    """Every entity of the sensors of a node; what can be set has a control only with `commands`."""
    found = [
        (sensor.child_id, entity)
        for sensor in _sensors(node)
        for entity in _sensor_entities(node, sensor, topics, commands, expire_s)
    ]
    names = Counter(entity.name for _, entity in found)
    return tuple(
        entity if names[entity.name] == 1 else _numbered(entity, child_id) for child_id, entity in found
    )


def _numbered(entity: Entity, child_id: int) -> Entity:
    name = f"{entity.name} {child_id}"
    return Entity(entity.platform, entity.key, name, entity.options, entity.diagnostic, entity.enabled)


def _sensors(node: PublishedNode) -> Iterator[_Sensor]:
    channels: defaultdict[int, dict[int, PublishedChannel]] = defaultdict(dict)
    found: dict[int, tuple[str | None, str]] = {}  # child id -> S_ symbol and name
    for channel in node.channels:
        channels[channel.child_id][_type_number(channel.type)] = channel
        found[channel.child_id] = (channel.sensor_type, channel.name.removesuffix(f" · {channel.type}"))
    found |= {sensor.child_id: (sensor.type, sensor.name) for sensor in node.sensors}
    for child_id, (symbol, name) in sorted(found.items()):
        type = Presentation.__members__.get(symbol or "")
        yield _Sensor(child_id, type, _own_name(node, child_id, symbol, name), channels[child_id])


def _type_number(symbol: str) -> int:
    """The number of a V_ symbol; `V_200` is that of a type which the library does not know."""
    if symbol in SetReq.__members__:
        return SetReq[symbol]
    digits = symbol.removeprefix("V_")
    return int(digits) if digits.isascii() and digits.isdigit() else UNKNOWN_TYPE


def _own_name(node: PublishedNode, child_id: int, symbol: str | None, name: str) -> str:
    """The label or description of a sensor; '' where its name is only that of its type and its number."""
    own = name.removeprefix(f"{node.name} · ")
    return "" if own in (name, f"{symbol or 'child'} {child_id}") else own


def _sensor_entities(
    node: PublishedNode, sensor: _Sensor, topics: Topics, commands: bool, expire_s: int | None
) -> Iterator[Entity]:
    controlled: set[int] = set()
    if commands:
        for entity, types in _controls(node, sensor, topics):
            controlled |= types
            yield entity
    for type, channel in sensor.channels.items():
        if type not in controlled:
            yield from _reported(node, sensor, type, channel, topics, expire_s)


def _controls(node: PublishedNode, sensor: _Sensor, topics: Topics) -> Iterator[tuple[Entity, set[int]]]:
    """Each control of a sensor with the V_ types that it covers: a lamp and a blind are one each."""
    place = (node.gateway, node.node_id, sensor.child_id)
    key = f"{sensor.child_id}"
    offered = set(offered_types(sensor.type, set(sensor.channels)))
    whole = _capital(sensor.name or _kind(sensor))
    if sensor.type in LIGHTS:
        options, types = light(offered, topics, *place)
        yield Entity("light", key, whole, options), types
        offered -= types
    elif sensor.type == Presentation.S_COVER:
        yield Entity("cover", key, whole, cover(sensor.channels, topics, *place)), COVER_TYPES
        offered -= COVER_TYPES
    for type in sorted(offered):
        channel = sensor.channels.get(type)
        platform, options = single_control(type, "" if channel is None else channel.unit, topics, *place)
        name = whole if platform in ("switch", "lock") and sensor.name else _title(sensor, type)
        yield Entity(platform, f"{key}_{SetReq(type).name}", name, options), {type}


def _reported(
    node: PublishedNode,
    sensor: _Sensor,
    type: int,
    channel: PublishedChannel,
    topics: Topics,
    expire_s: int | None,
) -> Iterator[Entity]:
    """What a value that is not set from here is shown as, if anything."""
    kind = channel_kind(type, sensor.type)
    topic = topics.channel(node.gateway, node.node_id, channel.child_id, channel.type)
    key, name = f"{channel.child_id}_{channel.type}", _title(sensor, type, channel.type)
    if kind.shown_as == "yes_no":
        condition = IS_FALSE if kind.inverted else IS_TRUE
        options = binary_sensor(topic, condition, kind.device_class, expire_s)
        yield Entity("binary_sensor", key, name, options)
    elif kind.shown_as == "number" or (kind.shown_as == "free" and not isinstance(channel.value, str)):
        found = measure(kind.device_class, channel.unit, kind.state_class)
        yield Entity("sensor", key, name, number_sensor(topic, found, expire_s))
    elif kind.shown_as in ("text", "free"):
        yield Entity("sensor", key, name, text_sensor(topic, expire_s), diagnostic=kind.diagnostic)


def _title(sensor: _Sensor, type: int, symbol: str | None = None) -> str:
    """The name of a value: `Room temperature`, `Motion`; nothing is said twice."""
    symbol = symbol or SetReq(type).name
    words = value_name(symbol)
    if type == SetReq.V_TRIPPED:
        words = sensor.name or _kind(sensor)
    elif type == SetReq.V_LEVEL and sensor.type is not None and not _kind(sensor).endswith(words):
        words = f"{_kind(sensor)} {words}"
    if words.lower() in sensor.name.lower():
        return _capital(sensor.name)
    if words.lower().startswith(sensor.name.lower()):
        return _capital(words)
    return _capital(f"{sensor.name} {words}")


def _kind(sensor: _Sensor) -> str:
    """What kind of sensor it is."""
    return sensor_kind(None if sensor.type is None else Presentation(sensor.type).name)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
