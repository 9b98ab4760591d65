"""A UPS as a device of Home Assistant: its load and energy, every variable, its states, commands. Pure."""

import json
from collections.abc import Iterator, Sequence

from ingest.event_names import UPS_EVENTS
from ingest.ups.commands import command_label, command_risk
from ingest.ups.figures import FIGURES
from ingest.ups.status import LOW_WORDS
from ingest.ups.variables import variable
from outbound.mqtt.home_assistant.device_classes import MEASUREMENT, Measure, measure
from outbound.mqtt.home_assistant.entities import (
    CONFIG,
    AnnouncedDevice,
    Entity,
    binary_sensor,
    connection_sensor,
    event_entity,
    key_of,
    number_sensor,
    state_sensor,
    text_sensor,
)
from outbound.mqtt.model import PublishedUps, Value
from outbound.mqtt.topics import AVAILABILITY, COMMAND, Topics

STATUS_VARIABLE = "ups.status"
UNIT_CLASSES = {
    "W": "power",
    "VA": "apparent_power",
    "V": "voltage",
    "A": "current",
    "Hz": "frequency",
    "s": "duration",
    "min": "duration",
    "°C": "temperature",
    "Wh": "energy",
}
LAST_WORD_CLASSES = {"humidity": "humidity", "powerfactor": "power_factor"}
CHARGE = "battery.charge"  # the one per cent that is the level of a battery
# A variable with one of these words is a limit, a rating or a setting: no measurement, and seldom looked at.
CONSTANT_WORDS = frozenset(
    """nominal low high min max minimum maximum warning critical restart delay timer threshold interval
    boost trim energysave parameter count packs phases date desc id switchable""".split()
)
CONSTANT_GROUPS = ("settings", "device", "driver")
PHRASES = {  # words of NUT's names as people write them
    "realpower": "real power",
    "powerfactor": "power factor",
    "mfr": "maker",
    "desc": "description",
    "vendorid": "USB vendor",
    "productid": "USB product",
    "macaddr": "MAC address",
    "must": "EP20",
    "avr": "AVR",
}
NAMES = {
    STATUS_VARIABLE: "Status",
    "ups.load": "Load percentage",
    "ups.power": "Apparent power",
    "ups.mfr.date": "Made",
    "battery.mfr.date": "Battery made",
}
STATUS_SENSORS = (  # key, name, words of ups.status of which one is enough, device class
    ("low_battery", "Low battery", tuple(sorted(LOW_WORDS)), "battery"),
    ("replace_battery", "Replace battery", ("RB",), "problem"),
    ("overload", "Overload", ("OVER",), "problem"),
    ("bypass", "Bypass", ("BYPASS",), "problem"),
    ("charging", "Charging", ("CHRG",), "battery_charging"),
    ("shutting_down", "Shutting down", ("FSD", "SD"), "problem"),
)


def ups_entities(
    ups: PublishedUps, topics: Topics, commands: Sequence[str], expire_s: int | None
) -> tuple[Entity, ...]:
    """Every entity of a UPS. `commands` are those that may be given by MQTT: each has a button."""
    return (
        *_power(ups, topics, expire_s),
        *_states(ups, topics, expire_s),
        *(_variable_sensor(ups.name, name, value, topics, expire_s) for name, value in ups.variables.items()),
        connection_sensor(topics.ups(ups.name, AVAILABILITY), topics.status),
        event_entity(topics.event("ups", ups.name), ("VALUE", *UPS_EVENTS), topics.status),
        *(_button(ups.name, command, topics) for command in commands),
    )


def _power(ups: PublishedUps, topics: Topics, expire_s: int | None) -> Iterator[Entity]:
    """The load in W as Voltkeeper knows it, measured or computed, and what it has taken in kWh."""
    if ups.watts is not None or ups.energy_kwh is not None:
        load = number_sensor(topics.ups(ups.name, "watts"), measure("power", "W"), expire_s)
        yield Entity("sensor", "watts", "Load", load)
    if ups.energy_kwh is not None:
        energy = number_sensor(topics.ups(ups.name, "energy"), measure("energy", "kWh"), expire_s)
        yield Entity("sensor", "energy", "Energy", energy)


def _states(ups: PublishedUps, topics: Topics, expire_s: int | None) -> Iterator[Entity]:
    yield state_sensor(topics.ups(ups.name), topics.status)
    on_battery = binary_sensor(topics.ups(ups.name, "on_battery"), "value == 'true'", None, expire_s)
    yield Entity("binary_sensor", "on_battery", "On battery", on_battery)
    if STATUS_VARIABLE not in ups.variables:
        return
    for key, name, words, device_class in STATUS_SENSORS:
        condition = f"value.split() | select('in', {list(words)}) | list"
        options = binary_sensor(topics.ups(ups.name, STATUS_VARIABLE), condition, device_class, expire_s)
        yield Entity("binary_sensor", key, name, options)


def _variable_sensor(
    ups: str, name: str, value: Value | None, topics: Topics, expire_s: int | None
) -> Entity:
    topic, constant = topics.ups(ups, name), _is_constant(name)
    found = _measure(name, constant)
    is_number = isinstance(value, float | int) or (value is None and found.unit is not None)
    options = number_sensor(topic, found, expire_s) if is_number else text_sensor(topic, expire_s)
    is_headline = name in FIGURES or name == STATUS_VARIABLE
    return Entity(
        "sensor",
        key_of(name),
        variable_title(name),
        options,
        diagnostic=constant or not (is_headline or is_number),
        enabled=is_headline or not constant,
    )


def _is_constant(name: str) -> bool:
    """Whether it is a limit, a rating, a setting or a description rather than a measurement."""
    return variable(name).group in CONSTANT_GROUPS or bool(CONSTANT_WORDS.intersection(name.split(".")))


def _measure(name: str, constant: bool) -> Measure:
    unit = variable(name).unit
    last = name.rpartition(".")[2]
    found = "battery" if name == CHARGE else LAST_WORD_CLASSES.get(last, UNIT_CLASSES.get(unit))
    return measure(found, unit, None if constant else MEASUREMENT)


def variable_title(name: str) -> str:
    """The name of a variable's entity: `Battery charge`, `Outlet 1 real power`."""
    if name in NAMES:
        return NAMES[name]
    words = name.removeprefix("experimental.").removeprefix("ups.").split(".")
    text = " ".join(PHRASES.get(word, word) for word in words)
    return text[:1].upper() + text[1:]


def _button(ups: str, command: str, topics: Topics) -> Entity:
    """One that is a risk has to be enabled in Home Assistant first, and is confirmed by that."""
    is_risk = bool(command_risk(command))
    options = {
        "command_topic": topics.ups(ups, COMMAND),
        "payload_press": json.dumps({"command": command, "confirm": True}) if is_risk else command,
        "entity_category": CONFIG,
    }
    key = f"command_{key_of(command)}"
    return Entity("button", key, command_label(command), options, enabled=not is_risk)


def ups_device(
    id: str, ups: PublishedUps, via: str, topics: Topics, commands: Sequence[str], expire_s: int | None
) -> AnnouncedDevice:
    """A UPS as a device with every entity."""
    facts = {
        "manufacturer": ups.mfr,
        "model": ups.model,
        "serial_number": ups.serial,
        "sw_version": ups.firmware,
        "suggested_area": ups.location,
    }
    return AnnouncedDevice(
        id,
        ups.label or ups.name,
        (topics.status, topics.ups(ups.name, AVAILABILITY)),
        ups_entities(ups, topics, commands, expire_s),
        f"/ups/{ups.name}",
        via,
        facts,
    )
