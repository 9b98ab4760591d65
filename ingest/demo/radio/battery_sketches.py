"""Sketches of nodes on batteries: most of the time asleep. Pure.

One-off events (a battery near its end, two days of silence) count from the anchor.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import count

from ingest.demo.radio.battery_node import BatteryNode, NodeBattery, SmartSleeper
from ingest.demo.radio.node import Child, Task, every
from ingest.demo.radio.world import DAY, EPOCH, World, split_day
from ingest.demo.wire import Outgoing, Script
from ingest.mysensors.protocol import Presentation, SetReq


class FrontDoor(BatteryNode):
    """Sleeps until its contact wakes it."""

    node_id = 4
    sketch, sketch_version = "Front door", "3.0"
    library = "2.3.1"
    children = (Child(1, Presentation.S_DOOR, "Front door"), Child(2, Presentation.S_MULTIMETER, "Cell"))
    battery = NodeBattery(level=94, loss=5, changed_days_ago=19)
    # Hours of the day around which people pass, and how many hours around.
    PASSES = (
        (6.9, 0.5),
        (7.6, 0.4),
        (8.2, 0.5),
        (12.4, 0.6),
        (13.4, 0.6),
        (16.3, 1.5),
        (17.6, 0.8),
        (18.4, 0.9),
        (20.5, 2),
    )

    def __init__(self, world: World, anchor: float, booted_at: float) -> None:
        super().__init__(world, anchor, booted_at)
        self.switches = lru_cache(maxsize=8)(self._switches)

    def _switches(self, day: int) -> list[tuple[float, int]]:
        """Moments (unix seconds) and states of the contact on one local day."""
        found: list[tuple[float, int]] = []
        for number, (hour, spread) in enumerate(self.PASSES):
            key = f"door {number}"
            if self.noise.chance(key, day) < 0.3:
                continue
            at = (
                EPOCH
                - 3600
                + day * DAY
                + 3600 * (hour + spread * (2 * self.noise.chance(key + " at", day) - 1))
            )
            found += [(at, 1), (at + 4 + 50 * self.noise.chance(key + " open", day) ** 3, 0)]
        return sorted(found)

    def next_switch(self, after: float) -> float:
        """The first time after `after` (unix seconds) at which the contact changes."""
        switches = (at for day in count(split_day(after)[0]) for at, _ in self.switches(day))
        return next(at for at in switches if at > after)

    def contact(self) -> Script:
        """The state of the contact."""
        day = split_day(self.now)[0]
        states = [state for at, state in self.switches(day) if at <= self.now + 0.5]
        yield self.value(1, SetReq.V_TRIPPED, states[-1] if states else 0)

    def cell(self) -> Script:
        """Level and voltage of the battery."""
        yield from super().cell()
        yield self.battery_voltage(2, 3.1, 2.4)

    tasks = (Task(next_switch, contact), every(DAY // 2, cell))


class Greenhouse(SmartSleeper):
    """Air and soil in the greenhouse, behind the repeater."""

    node_id = 7
    parent = 3
    sketch, sketch_version = "Greenhouse", "$Rev: 826 $"
    library = "2.4.0-alpha"
    rssi = -73
    battery = NodeBattery(level=63, loss=7)
    children = (
        Child(1, Presentation.S_TEMP, "Air"),
        Child(2, Presentation.S_HUM, "Air humidity"),
        Child(3, Presentation.S_MOISTURE, "Tomato bed"),
    )

    def cycle(self) -> Iterator[Outgoing]:
        """Measure and send."""
        sun = self.world.sun(self.now)
        temperature = (
            self.world.outside(self.now) + 2.2 + 15 * sun + 0.3 * self.noise.smooth("glass", self.now / 1500)
        )
        humidity = min(99.0, self.world.humidity(self.now) + 14 - 45 * sun)
        day, hour = split_day(self.now)
        dry = ((day + 1) % 3 + hour / 24 - 7 / 24) % 3  # days since the last watering, at 7 every third day
        yield self.value(1, SetReq.V_TEMP, f"{temperature:.1f}")
        yield self.value(2, SetReq.V_HUM, f"{humidity:.0f}")
        yield self.value(
            3, SetReq.V_LEVEL, f"{82 - 13 * dry + 2 * self.noise.smooth('soil', self.now / 9000):.0f}"
        )


class RainGauge(SmartSleeper):
    """A tipping bucket, behind the repeater."""

    node_id = 9
    parent = 3
    sketch, sketch_version = "Rain gauge", "1.2"
    period = 1200
    cell_cycles = 12
    battery = NodeBattery(level=41, loss=11)
    children = (Child(1, Presentation.S_RAIN, "Rain"), Child(2, Presentation.S_TEMP, "Outside"))

    def cycle(self) -> Iterator[Outgoing]:
        """Measure and send."""
        yield self.value(1, SetReq.V_RAIN, f"{self.world.rain(self.now):.1f}")
        yield self.value(1, SetReq.V_RAINRATE, f"{self.world.rain_rate(self.now):.1f}")
        yield self.value(2, SetReq.V_TEMP, f"{self.world.outside(self.now):.1f}")


class Cellar(SmartSleeper):
    """Its battery is near its end."""

    node_id = 11
    parent = 3
    sketch, sketch_version = "Wine cellar", "1.0"
    rssi = -91
    period = 1800
    battery = NodeBattery(level=8, loss=26)
    children = (
        Child(0, Presentation.S_TEMP, "Cellar"),
        Child(1, Presentation.S_HUM, "Cellar humidity"),
        Child(2, Presentation.S_MULTIMETER, "Cell"),
    )

    def cycle(self) -> Iterator[Outgoing]:
        """Measure and send."""
        yield self.value(
            0, SetReq.V_TEMP, f"{13.4 + 0.9 * self.noise.smooth('cellar', self.now / 90_000):.1f}"
        )
        yield self.value(
            1, SetReq.V_HUM, f"{71 + 4 * self.noise.smooth('cellar hum', self.now / 60_000):.0f}"
        )

    def cell(self) -> Script:
        """Level and voltage of the battery."""
        yield from super().cell()
        yield self.battery_voltage(2)


class Garage(BatteryNode):
    """Went silent two days before the anchor."""

    node_id = 12
    parent = 21
    sketch, sketch_version = "Garage", "1.3"
    library = "2.1.1"
    silent_since_days = 2
    battery = NodeBattery(level=37, loss=9)
    children = (Child(0, Presentation.S_TEMP, "Garage"), Child(1, Presentation.S_MOTION, "Gate"))

    def climate(self) -> Script:
        """Temperature, and motion at busy hours."""
        slow = 0.6 * self.world.outside(self.now - 7200) + 0.4 * self.world.outside(self.now - 36_000)
        yield self.value(0, SetReq.V_TEMP, f"{slow + 3.5:.1f}")
        hour = split_day(self.now)[1]
        if (7 < hour < 9 or 16 < hour < 20) and self.noise.chance("gate", int(self.now // 600)) < 0.12:
            yield self.value(1, SetReq.V_TRIPPED, 1)
            yield self.now + 25
            yield self.value(1, SetReq.V_TRIPPED, 0)

    tasks = (every(600, climate), every(DAY // 2, BatteryNode.cell))
