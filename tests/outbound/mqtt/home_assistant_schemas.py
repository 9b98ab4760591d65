"""Validates messages of discovery with the schemas of Home Assistant. Run by a Python that has it.

Reads a JSON array of messages; writes JSON: the version of Home Assistant, and a list of problems. Where it
is so old that it knows no devices (before 2024.12), components are taken apart here as it does since then.
"""

import importlib
import json
import sys

import homeassistant.components.mqtt as mqtt
from homeassistant.components.number.const import DEVICE_CLASS_UNITS as NUMBER_UNITS
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import __version__

SHARED = ("availability", "availability_mode", "qos")


def components(message):
    for id, component in message["components"].items():
        shared = {key: message[key] for key in SHARED if key in message and key not in component}
        yield id, {**component, **shared, "device": message["device"], "origin": message["origin"]}


def problems(message):
    try:
        schemas = importlib.import_module("homeassistant.components.mqtt.schemas")
        schemas.DEVICE_DISCOVERY_SCHEMA(message)
    except ModuleNotFoundError:
        pass
    for id, config in components(message):
        platform = config.pop("platform")
        try:
            # DISCOVERY_SCHEMA would drop a key that is not known; this one refuses it.
            importlib.import_module(f"{mqtt.__name__}.{platform}").PLATFORM_SCHEMA_MODERN(config)
        except Exception as error:  # whatever the schema of this version raises
            yield f"{id}: {error}: {config}"
        yield from (f"{id}: {problem}: {config}" for problem in class_problems(platform, config))


def class_problems(platform, config):
    """What Home Assistant only says in its log, when a state arrives."""
    device_class, unit = config.get("device_class"), config.get("unit_of_measurement")
    units = {"sensor": DEVICE_CLASS_UNITS, "number": NUMBER_UNITS}.get(platform, {})
    if device_class in units and unit not in units[device_class]:
        yield f"unit {unit} is not one of class {device_class}"
    states = DEVICE_CLASS_STATE_CLASSES.get(device_class) if platform == "sensor" else None
    if states is not None and config.get("state_class") not in (None, *states):
        yield f"{config['state_class']} is no state class of {device_class}"
    if platform == "sensor" and config.get("entity_category") == "config":
        yield "a sensor is no setting"


print(
    json.dumps(
        {
            "version": __version__,
            "problems": [found for message in json.load(sys.stdin) for found in problems(message)],
        }
    )
)
