"""Who lives in the demo house.

Node 3 repeats for the greenhouse, the rain gauge and the bathroom. The numbers have gaps, as in a house that has
seen nodes come and go.
"""

from ingest.demo.mains import Bathroom, Boiler, GardenLight, LandingRepeater, LivingRoom, PowerMeter
from ingest.demo.odd import Attic, CarTracker
from ingest.demo.sleepers import Cellar, FrontDoor, Garage, Greenhouse, RainGauge

HOUSE = (
    LivingRoom, LandingRepeater, FrontDoor, PowerMeter, Bathroom, Greenhouse, Boiler, RainGauge, Cellar, Garage,
    CarTracker, Attic, GardenLight,
)  # fmt: skip
