"""Who lives in the demo house.

Node 3 repeats for the greenhouse, the rain gauge and the bathroom. The numbers have gaps, as in a house that has
seen nodes come and go.
"""

from ingest.demo.ota.firmware import WithBootloader, WithLibrary, WithLibrary31, updatable
from ingest.demo.radio.mains import Bathroom, Boiler, GardenLight, LandingRepeater, LivingRoom, PowerMeter
from ingest.demo.radio.odd import Attic, CarTracker
from ingest.demo.radio.sleepers import Cellar, FrontDoor, Garage, Greenhouse, RainGauge

HOUSE = (
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
