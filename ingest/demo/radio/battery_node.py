"""Nodes that sleep and the batteries they sleep for. Pure.

Facts of the wire: smartSleep() of `core/MySensorsCore.cpp`, library 2.2.0 and later.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ingest.demo.radio.node import DemoNode
from ingest.demo.radio.world import DAY
from ingest.demo.wire import Outgoing, Script
from ingest.mysensors.protocol import Internal, SetReq

WINDOW_S = 0.5  # MY_SMART_SLEEP_WAIT_DURATION_MS


class NodeBattery(NamedTuple):
    """The charge of a battery: its level at the anchor and what it loses in 30 days, in per cent."""

    level: float
    loss: float
    changed_days_ago: float | None = None
    before_change: float = 9

    def at(self, days: float) -> float:
        """Level in per cent, `days` after the anchor (negative before it), never below 1."""
        if self.changed_days_ago is not None and days < -self.changed_days_ago:
            level = self.before_change - self.loss * (days + self.changed_days_ago) / 30
        else:
            level = self.level - self.loss * days / 30
        return min(100.0, max(1.0, level))


class BatteryNode(DemoNode):
    """A node that sleeps with its radio off and hears nothing, except while it presents itself."""

    battery: NodeBattery

    def hears(self, at: float) -> bool:
        """True while it presents itself or waits for an answer."""
        return self.presenting or self.awaiting is not None

    @property
    def level(self) -> float:
        """The battery's level now, in per cent."""
        return self.battery.at((self.now - self.anchor) / DAY)

    def cell(self) -> Script:
        """What the node reports of its battery: the level."""
        yield self.internal(Internal.I_BATTERY_LEVEL, round(self.level))

    def battery_voltage(self, child: int, full: float = 3.2, empty: float = 2.2) -> Outgoing:
        """V_VOLTAGE, from the level."""
        return self.value(child, SetReq.V_VOLTAGE, f"{empty + (full - empty) * self.level / 100:.2f}")


class SmartSleeper(BatteryNode):
    """A node with smartSleep(): hears in the window after I_PRE_SLEEP_NOTIFICATION, else sleeps.

    `period` is the length of its cycle in seconds; `cycle` gives what it sends when awake; its battery is
    reported every `cell_cycles` cycles.
    """

    period = 900
    cell_cycles = 8
    window_until = 0.0

    def hears(self, at: float) -> bool:
        """True in the window, too."""
        return super().hears(at) or at < self.window_until

    def cycle(self) -> Iterable[Outgoing]:
        """What the sketch measures and sends each time it is awake."""
        return ()

    def first_values(self) -> Script:
        """A cycle, and the window in which a controller is heard."""
        yield from self.cycle()
        if int(self.now // self.period) % self.cell_cycles == 0:
            yield from self.cell()
        self.window_until = self.now + WINDOW_S * self.pace
        yield self.internal(Internal.I_PRE_SLEEP_NOTIFICATION, int(WINDOW_S * 1000))
        yield self.window_until

    def life(self) -> Script:
        """Sleep, wake, send, listen."""
        while True:
            yield self.slot(self.now, self.period)
            yield self.internal(Internal.I_POST_SLEEP_NOTIFICATION, self.period * 1000)
            yield from self.first_values()
