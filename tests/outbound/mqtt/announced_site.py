"""A site for tests of discovery: every V_ type at every S_ type, and every variable of NUT that is known."""

from ingest.mysensors.channel_controls import CONTROLS
from ingest.mysensors.protocol import Presentation, SetReq
from ingest.mysensors.units import unit_of
from ingest.mysensors.value_types import ValueKind, value_kind
from ingest.ups.variables import variable, variable_names
from outbound.mqtt.home_assistant.discovery import Discovery
from outbound.mqtt.model import PublishedChannel, PublishedGateway, PublishedNode, PublishedSite, PublishedUps
from outbound.mqtt.topics import Topics

TOPICS = Topics("voltkeeper")
ODD_UNITS = ("ppm", "lux", "l/min", "km/h", "bananas", "°C")
GATEWAY = PublishedGateway(0, "main", connected=True, state="OK", version="2.3.2")


def discovery(**options):
    return Discovery("homeassistant", TOPICS, "5eed", "Hill house", "1.2.3", **options)


def channel(type, sensor_type, value=None, unit=None, child_id=1, name="", node="Shed"):
    """A channel as it is read from the database."""
    symbol = None if sensor_type is None else Presentation(sensor_type).name
    if value is None:
        value = {ValueKind.NUMBER: 1.0, ValueKind.FREE: 3.5, ValueKind.COLOUR: "ff8800"}.get(
            value_kind(type), "text"
        )
        if type in CONTROLS and CONTROLS[type].kind == "choice":
            value = CONTROLS[type].choices[0][0]
    sensor = name or f"{symbol or 'child'} {child_id}"
    return PublishedChannel(
        256 * child_id + type,
        child_id,
        SetReq(type).name,
        symbol,
        f"{node} · {sensor} · {SetReq(type).name}",
        unit_of(type, sensor_type) if unit is None else unit,
        value,
        "2026-11-20T23:19:40.123Z",
    )


def node(*channels, id=12, name="Shed", **facts):
    values = {"gateway": "main", "last_seen_at": "2026-11-20T23:19:40.123Z", "channels": channels}
    return PublishedNode(id=id, node_id=id % 256, name=name, state="OK", is_current=True, **values | facts)


def every_node():
    """A node for each S_ type and one without, with each V_ type in its usual unit and in an odd one."""
    for number, sensor_type in enumerate([None, *Presentation]):
        channels = [channel(type, sensor_type) for type in SetReq]
        odd = ODD_UNITS[number % len(ODD_UNITS)]
        channels += [channel(type, sensor_type, unit=odd, child_id=2) for type in SetReq]
        yield node(
            *channels, id=number + 1, battery_level=80.0, has_battery=True, firmware="10/2", available="10/3"
        )


def ups(**facts):
    values = {"id": 3, "name": "rack@closet", "label": "Rack", "state": "OK", "is_current": True}
    return PublishedUps(**values | {"on_battery": False} | facts)


def every_ups():
    """A UPS that reports every variable of NUT, one that reports them as text, and one that reports none."""
    names = [name.replace("LINE", "L1").replace(".n.", ".1.") for name in variable_names()]
    numbers = {name: 1.0 if variable(name).unit else "text" for name in names}
    yield ups(variables=numbers | {"ups.status": "OL"}, watts=84.0, energy_kwh=1.5, mfr="APC", serial="1")
    yield ups(id=4, name="desk@closet", variables=dict.fromkeys(names, "text"))
    yield ups(id=5, name="new@closet")


def every_site():
    return PublishedSite(tuple(every_ups()), tuple(every_node()), (GATEWAY,))
