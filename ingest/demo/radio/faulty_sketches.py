"""Sketches that put a reader to the test: payloads with `;`, requests for the time, invalid lines. Pure."""

from ingest.demo.radio.node import Child, DemoNode, every
from ingest.demo.radio.world import DAY, split_day
from ingest.demo.wire import Script
from ingest.mysensors.protocol import Command, Internal, Presentation, SetReq


class CarTracker(DemoNode):
    """In the car, heard at home and, over a directional antenna, around it; its payloads contain `;`."""

    node_id = 14
    sketch, sketch_version = "Car", "0.9"
    parent = 21
    library = "2.4.0-alpha"
    rssi = -84
    children = (Child(1, Presentation.S_GPS, "Car"), Child(2, Presentation.S_INFO, "State"))
    HOME, WORK = (45.46430, 9.18950, 122), (45.52120, 9.21440, 148)

    def way(self) -> float:
        """0 at home to 1 at work; on working days alone."""
        day, hour = split_day(self.now)
        if (day + 2) % 7 > 4:  # 2020-01-01 was a Wednesday
            return 0.0
        leaves, returns = (
            7.8 + 0.4 * self.noise.chance("leaves", day),
            17.2 + 0.9 * self.noise.chance("returns", day),
        )
        return min(1.0, max(0.0, (hour - leaves) / 0.6)) - min(1.0, max(0.0, (hour - returns) / 0.7))

    def position(self) -> Script:
        """V_POSITION as latitude;longitude;altitude."""
        way, shake = self.way(), 0.00004 * self.noise.smooth("gps", self.now / 200)
        place = [home + way * (work - home) for home, work in zip(self.HOME, self.WORK, strict=True)]
        yield self.value(
            1, SetReq.V_POSITION, f"{place[0] + shake:.5f};{place[1] - shake:.5f};{place[2]:.0f}"
        )

    def state(self) -> Script:
        """A text with `;` in it."""
        moving = 0 < self.way() < 1
        volts = (14.1 if moving else 12.5) + 0.2 * self.noise.smooth("car", self.now / 20_000)
        yield self.value(2, SetReq.V_TEXT, f"{'driving' if moving else 'parked'}; {volts:.1f} V; 4 sats")

    def ask_time(self) -> Script:
        """Ask for the time."""
        yield self.internal(Internal.I_TIME)

    tasks = (every(900, position), every(3600, state), every(DAY // 2, ask_time))


class Attic(DemoNode):
    """A node with a bad solder joint and an unfinished sketch: sends what no node should."""

    node_id = 17
    parent = 3
    sketch, sketch_version = "Attic test", "0.1"
    rssi = -81
    children = (Child(1, Presentation.S_TEMP, "Attic"), Child(2, Presentation.S_WATER_QUALITY, "?"))
    GARBLED = (
        b"17;1;1;0;0;2\xb0\xff1.5",
        b"17;1;1;0",
        b";3;0;12;1.3",
        b"171717;1;1;0;0;19.4",
        b"17;1;7;0;0;1",
        b"\x00\x8617;1;1;\xc3;0;18.9",
    )

    def temperature(self) -> float:
        """Degrees Celsius under the roof."""
        return self.world.outside(self.now) + 4 + 6 * self.world.sun(self.now)

    def climate(self) -> Script:
        """A DS18B20 that loses its contact reads -127, one that loses its supply 85."""
        luck = self.noise.chance("contact", int(self.now // 600))
        reading = -127.0 if luck < 0.012 else 85.0 if luck < 0.017 else self.temperature()
        yield self.value(1, SetReq.V_TEMP, f"{reading:.1f}")

    def nonsense(self) -> Script:
        """Now and then something that no node should send."""
        turn = int(self.now // 5400)
        which = int(self.noise.chance("nonsense", turn) * 12)
        pick = self.noise.chance("pick", turn)
        match which:
            case 0:
                yield self.value(1, 200, round(1000 * pick))
            case 1:
                yield self.internal(Internal.I_BATTERY_LEVEL, 255 if pick < 0.5 else -3)
            case 2:
                yield self.internal(77, "?")
            case 3:
                yield self.message(40, Command.presentation, 99, "unfinished")
            case 4:
                for _ in range(60):
                    yield self.value(1, SetReq.V_TEMP, f"{self.temperature():.1f}")
            case 5:
                yield from self.present()
            case 6 | 7:
                yield self.GARBLED[int(pick * len(self.GARBLED))]

    tasks = (every(600, climate), every(5400, nonsense, at_boot=False))
