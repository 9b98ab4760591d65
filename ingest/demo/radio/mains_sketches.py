"""Sketches of nodes on mains power: awake, so that what a controller sends arrives. Pure."""

from ingest.demo.radio.node import Child, DemoNode, every
from ingest.demo.radio.world import DAY, EPOCH, split_day
from ingest.demo.wire import Outgoing, Script
from ingest.mysensors.protocol import Command, Presentation, SetReq


class Switchable(DemoNode):
    """A node with a relay that follows a habit until a controller switches it.

    The next habit takes over again.
    """

    relay_child = 0
    reported_state: int | None = None  # the state that was last reported on a change
    by_hand: tuple[int, int] | None = None  # (state, what the habit wanted then)

    def habit(self) -> int:
        """The state that the habit wants now, 0 or 1."""
        return 0

    def relay(self) -> int:
        """The state that the relay has now, 0 or 1."""
        habit = self.habit()
        state, habit_then = self.by_hand or (habit, habit)
        if habit == habit_then:
            return state
        self.by_hand = None
        return habit

    def status(self) -> Outgoing:
        """The state as a value."""
        return self.value(self.relay_child, SetReq.V_STATUS, self.relay())

    def watch_relay(self) -> Script:
        """Report the state when it has changed."""
        state = self.relay()
        if state != self.reported_state:
            self.reported_state = state
            yield self.status()

    def on_set(self, child: int, type: int, text: str) -> list[Outgoing]:
        """Switch the relay."""
        if child != self.relay_child or type != SetReq.V_STATUS or text not in ("0", "1"):
            return []
        self.by_hand = (int(text), self.habit())
        return [self.status()]

    def on_request(self, child: int, type: int) -> list[Outgoing]:
        """Answer with the state."""
        return [self.status()] if child == self.relay_child and type == SetReq.V_STATUS else []


class LivingRoom(DemoNode):
    """Climate, sky and light in the living room."""

    node_id = 2
    sketch, sketch_version = "Living room", "2.1"
    rssi = -58
    children = (
        Child(0, Presentation.S_TEMP, "Temperature"),
        Child(1, Presentation.S_HUM, "Humidity"),
        Child(2, Presentation.S_BARO, "Barometer"),
        Child(3, Presentation.S_LIGHT_LEVEL, "Light"),
    )

    def climate(self) -> Script:
        """Temperature and humidity."""
        hour = split_day(self.now)[1]
        temperature = (
            (20.6 if 6 <= hour < 23 else 19.2)
            + 0.05 * (self.world.outside(self.now) - 10)
            + 0.5 * self.noise.smooth("living", self.now / 3000)
        )
        humidity = (
            44
            + 0.12 * (self.world.humidity(self.now) - 66)
            + 3 * self.noise.smooth("living hum", self.now / 5000)
        )
        yield self.value(0, SetReq.V_TEMP, f"{temperature:.1f}")
        yield self.value(1, SetReq.V_HUM, f"{humidity:.0f}")

    def sky(self) -> Script:
        """Pressure, forecast and light."""
        hour = split_day(self.now)[1]
        lamp = 18 if 18.5 <= hour < 23 else 0
        light = min(100, round(110 * self.world.sun(self.now) + lamp))
        pressure = self.world.pressure(self.now)
        trend = pressure - self.world.pressure(self.now - 10800)
        if abs(trend) < 1:
            forecast = "stable"
        elif trend > 0:
            forecast = "sunny"
        else:
            forecast = "cloudy" if trend > -3 else "thunderstorm"
        yield self.value(2, SetReq.V_PRESSURE, f"{pressure:.1f}")
        yield self.value(2, SetReq.V_FORECAST, forecast)
        yield self.value(3, SetReq.V_LIGHT_LEVEL, light)

    tasks = (every(300, climate), every(900, sky), every(3600, DemoNode.alive))


class LandingRepeater(DemoNode):
    """A repeater that measures its supply."""

    node_id = 3
    sketch, sketch_version = "Landing repeater", "1.4"
    library = "2.4.0-alpha"
    role = Presentation.S_ARDUINO_REPEATER_NODE
    rssi = -49
    children = (Child(0, Presentation.S_MULTIMETER, "Supply"),)

    def supply(self) -> Script:
        """The supply voltage."""
        yield self.value(
            0, SetReq.V_VOLTAGE, f"{5.02 + 0.06 * self.noise.smooth('supply', self.now / 4000):.2f}"
        )

    tasks = (every(1800, supply), every(600, DemoNode.alive))


class PowerMeter(DemoNode):
    """Power and energy from the grid."""

    node_id = 5
    sketch, sketch_version = "Power meter", "1.7"
    rssi = -66
    children = (Child(1, Presentation.S_POWER, "Mains"),)

    def power(self) -> Script:
        """Power now."""
        yield self.value(1, SetReq.V_WATT, f"{self.world.watts(self.now):.0f}")

    def energy(self) -> Script:
        """The meter's count."""
        yield self.value(1, SetReq.V_KWH, f"{self.world.kwh(self.now):.3f}")

    def ask_count(self) -> Script:
        """A meter of pulses asks its controller for the last count."""
        yield self.message(1, Command.req, SetReq.V_KWH)

    tasks = (every(60, power), every(300, energy), every(21600, ask_count))


class Bathroom(Switchable):
    """By the tracker's convention, child 98 reports the parent (V_TEXT) and the radio (V_VAR5)."""

    node_id = 6
    parent = 3
    sketch, sketch_version = "Bathroom", "$Rev: 803 $"
    children = (
        Child(1, Presentation.S_TEMP, "Temperature"),
        Child(2, Presentation.S_HUM, "Humidity"),
        Child(3, Presentation.S_BINARY, "Fan"),
        Child(98, Presentation.S_CUSTOM, "Radio"),
    )
    relay_child = 3

    def steam(self) -> float:
        """What showers leave in the air, 0 to 1."""
        day, hour = split_day(self.now)
        rest = 0.0
        for start in (6.7 + self.noise.chance("shower", day), 21.3 + self.noise.chance("bath", day)):
            if start <= hour:
                rest += 2.7 ** (-2.2 * (hour - start)) if hour > start + 0.2 else (hour - start) / 0.2
        return min(1.0, rest)

    def habit(self) -> int:
        """The fan runs while there is steam."""
        return int(self.steam() > 0.3)

    def climate(self) -> Script:
        """Temperature and humidity."""
        temperature = 21.2 + 1.8 * self.steam() + 0.4 * self.noise.smooth("bathroom", self.now / 4000)
        humidity = 50 + 44 * self.steam() + 3 * self.noise.smooth("bath hum", self.now / 3000)
        yield self.value(1, SetReq.V_TEMP, f"{temperature:.1f}")
        yield self.value(2, SetReq.V_HUM, f"{humidity:.1f}")

    def radio(self) -> Script:
        """The parent and the share of messages that arrived."""
        sent = int((self.now - EPOCH) / 55) % 60000 + 200
        success = 62 + 14 * self.noise.smooth("arc", self.now / 50_000)
        retries = round(sent * (100 - success) / success)
        yield self.value(98, SetReq.V_TEXT, f"parent: {self.parent}")
        yield self.value(
            98, SetReq.V_VAR5, f"{{P:{sent},R:{retries},S:{round(100 * sent / (sent + retries))}}}"
        )

    tasks = (
        every(600, climate),
        every(120, Switchable.watch_relay, at_boot=False, name="watch_fan"),
        every(7200, radio),
    )


class Boiler(DemoNode):
    """Heating water, with a leak detector that reported a leak six days before the anchor."""

    node_id = 8
    sketch, sketch_version = "Boiler room", "41"
    library = "2.4.0-alpha"
    rssi = -71
    children = (
        Child(0, Presentation.S_TEMP, "Flow"),
        Child(1, Presentation.S_TEMP, "Return"),
        Child(2, Presentation.S_WATER_LEAK, "Floor"),
        Child(3, Presentation.S_HEATER, "Burner"),
    )
    burning: bool | None = None
    LEAK_DAYS, LEAK_S = 6.2, 2400

    def burner(self) -> tuple[float, bool]:
        """How warm the water is, 0 to 1, and whether the burner is on; it burns longer when it is cold."""
        share = min(0.9, max(0.12, (19 - self.world.outside(self.now)) / 26))
        part = self.now % 3300 / 3300
        return (part / share if part < share else (1 - part) / (1 - share)), part < share

    def temperatures(self) -> Script:
        """Flow and return, and the burner when it changes."""
        warmth, on = self.burner()
        flow = 38 + 22 * warmth + 0.8 * self.noise.smooth("flow", self.now / 700)
        back = 33 + 12 * warmth + 0.5 * self.noise.smooth("return", self.now / 700)
        yield self.value(0, SetReq.V_TEMP, f"{flow:.2f}")
        yield self.value(1, SetReq.V_TEMP, f"{back:.2f}")
        if on != self.burning:
            self.burning = on
            yield self.value(3, SetReq.V_HVAC_FLOW_STATE, "HeatOn" if on else "Off")

    def floor(self) -> Script:
        """The leak detector."""
        since = self.now - (self.anchor - self.LEAK_DAYS * DAY)
        yield self.value(2, SetReq.V_TRIPPED, int(0 <= since < self.LEAK_S))

    tasks = (every(300, temperatures), every(1800, floor), every(3600, DemoNode.alive))


class GardenLight(Switchable):
    """Lamps that follow the dusk; it repeats for the car and the garage."""

    node_id = 21
    parent = 3
    sketch, sketch_version = "Garden light", "2.0"
    role = Presentation.S_ARDUINO_REPEATER_NODE
    rssi = -68
    children = (
        Child(1, Presentation.S_BINARY, "Path lamps"),
        Child(2, Presentation.S_LIGHT_LEVEL, "Dusk"),
    )
    relay_child = 1

    def habit(self) -> int:
        """On from dusk to half past eleven."""
        hour = split_day(self.now)[1]
        return int(15 < hour < 23.5 and self.world.sun(self.now) < 0.02)

    def report(self) -> Script:
        """Light and lamps."""
        yield self.value(2, SetReq.V_LIGHT_LEVEL, min(100, round(120 * self.world.sun(self.now))))
        yield self.status()

    tasks = (every(300, Switchable.watch_relay, at_boot=False, name="watch"), every(1800, report))
