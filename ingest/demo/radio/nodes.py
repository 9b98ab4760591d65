"""Who lives in the demo house.

Node 3 repeats for the greenhouse, the rain gauge and the bathroom. The numbers have gaps, as in a house that has
seen nodes come and go.
"""

from ingest.demo.ota.firmware import WithBootloader, WithLibrary, WithLibrary31, updatable
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

DEMO_NODES = (
    updatable(WithBootloader, LivingRoom),
    LandingRepeater,
    FrontDoor,
    updatable(WithBootloader, PowerMeter),
    Bathroom,
    updatable(WithBootloader, Greenhouse),
    updatable(WithLibrary, Boiler),
    updatable(WithLibrary, RainGauge),
    Cellar,
    Garage,
    CarTracker,
    Attic,
    updatable(WithLibrary31, GardenLight),
)
