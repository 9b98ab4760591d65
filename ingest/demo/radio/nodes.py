"""The nodes of the demo.

Node 3 repeats for the greenhouse, the rain gauge, the bathroom, the attic, the cellar and the garden light,
which repeats for the car and the garage. The numbers have gaps, as in an installation that has seen nodes
come and go.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ingest.demo.ota.bootloader import MysBootloader
from ingest.demo.ota.library_ota import LibraryOta, LibraryOta31
from ingest.demo.ota.updater import Updater, factory_facts
from ingest.demo.radio.battery_sketches import Cellar, FrontDoor, Garage, Greenhouse, RainGauge
from ingest.demo.radio.faulty_sketches import Attic, CarTracker
from ingest.demo.radio.mains_sketches import (
    Bathroom,
    Boiler,
    GardenLight,
    LandingRepeater,
    LivingRoom,
    PowerMeter,
)
from ingest.demo.radio.node import DemoNode


def with_updater(node: type[DemoNode], updater: type[Updater]) -> type[DemoNode]:
    """The class of a node that takes firmware."""
    return type(node.__name__, (node,), {"__doc__": node.__doc__, "make_updater": updater})


DEMO_NODES: tuple[type[DemoNode], ...] = (
    with_updater(LivingRoom, MysBootloader),
    LandingRepeater,
    FrontDoor,
    with_updater(PowerMeter, MysBootloader),
    Bathroom,
    with_updater(Greenhouse, MysBootloader),
    with_updater(Boiler, LibraryOta),
    with_updater(RainGauge, LibraryOta),
    Cellar,
    Garage,
    CarTracker,
    Attic,
    with_updater(GardenLight, LibraryOta31),
)


class FactoryFirmware(NamedTuple):
    """What a node reported about its firmware when it was new."""

    node_id: int
    type: int
    version: int
    blocks: int
    crc: int
    bootloader: int


def factory_firmware(nodes: Iterable[type[DemoNode]]) -> list[FactoryFirmware]:
    """The firmware of those nodes that report it, as they were delivered."""
    return [
        FactoryFirmware(node.node_id, *factory_facts(node.sketch), node.make_updater.bootloader)
        for node in nodes
        if node.make_updater is not None
    ]
