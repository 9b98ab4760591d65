"""Validates messages of discovery with the schemas of Home Assistant. Run by a Python that has it.

Reads a JSON array of messages; writes JSON: the version of Home Assistant, whether it has a schema for the
messages of devices (from 2024.12 on), and a list of problems. Each component is judged by the schema of its
platform, too.
"""

import asyncio
import importlib
import json
import sys
import tempfile

import homeassistant.components.mqtt as mqtt
import homeassistant.components.sensor.const as sensors
from homeassistant.components.number.const import DEVICE_CLASS_UNITS as NUMBER_UNITS
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import __version__
from homeassistant.core import HomeAssistant

try:
    schemas = importlib.import_module(f"{mqtt.__name__}.schemas")
except ModuleNotFoundError:
    schemas = None
device_schema = getattr(schemas, "DEVICE_DISCOVERY_SCHEMA", None)
AMBIGUOUS_UNITS = getattr(sensors, "AMBIGUOUS_UNITS", {})  # two letters that look like one, as in µg/m³
SHARED = getattr(schemas, "SHARED_OPTIONS", ("availability", "availability_mode", "qos"))


def device_problems(message):
    """What Home Assistant refuses a whole message for."""
    if device_schema is None:
        return
    try:
        config = device_schema(message)
        # From 2026 on a second step looks for ids that are there twice.
        getattr(schemas, "validate_device_discovery_components", dict)(config)
    except Exception as error:  # whatever the schema of this version raises
        yield f"{message['device']}: {error}"


def components(message):
    """Each component with what it inherits, as Home Assistant takes a message apart."""
    for id, component in message["components"].items():
        shared = {key: message[key] for key in SHARED if key in message and key not in component}
        yield id, {**component, **shared, "device": message["device"], "origin": message["origin"]}


def component_problems(message):
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
    unit = AMBIGUOUS_UNITS.get(unit, unit)
    units = {"sensor": DEVICE_CLASS_UNITS, "number": NUMBER_UNITS}.get(platform, {})
    if device_class in units and unit not in units[device_class]:
        yield f"unit {unit} is not one of class {device_class}"
    states = DEVICE_CLASS_STATE_CLASSES.get(device_class) if platform == "sensor" else None
    if states is not None and config.get("state_class") not in (None, *states):
        yield f"{config['state_class']} is no state class of {device_class}"
    if platform == "sensor" and config.get("entity_category") == "config":
        yield "a sensor is no setting"


async def judge(messages):
    """From 2026 on templates are checked by an instance of Home Assistant alone, in its event loop."""
    with tempfile.TemporaryDirectory() as folder:
        hass = HomeAssistant(folder)
        try:
            judges = (device_problems, component_problems)
            return [found for message in messages for judge in judges for found in judge(message)]
        finally:
            await hass.async_stop(force=True)


print(
    json.dumps(
        {
            "version": __version__,
            "judges_devices": device_schema is not None,
            "problems": asyncio.run(judge(json.load(sys.stdin))),
        }
    )
)
