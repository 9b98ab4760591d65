"""The figures of one outage, kept as it goes on. Pure; they are the JSON that `events.figures` holds."""

from ingest.ups.energy import Observation, covered_seconds, watt_hours
from ingest.ups.records import EventFigures, Figures

LOWEST = {
    "lowest_charge": "battery.charge",
    "lowest_battery_voltage": "battery.voltage",
    "lowest_input_voltage": "input.voltage",
}


class OutageFigures:
    """Adds up what is observed while a UPS is on battery.

    Only the time between two consecutive observations counts, or between one and the end; `seconds` alone
    is from start to end. Units: s, Wh, W, %, V. After a restart `figures` are those of the open event.
    """

    def __init__(
        self,
        figures: EventFigures,
        observation: Observation | None = None,
    ) -> None:
        self.figures = figures
        self._last = observation  # the last one on battery, None after a failed poll or a restart

    @classmethod
    def begin(cls, observation: Observation, before: Figures) -> "OutageFigures":
        """An outage first seen at `observation`; `before`: figures of the last sample on mains, or {}."""
        figures: EventFigures = {
            "seconds": 0.0,
            "covered_s": 0.0,
            "samples": 0,
            "missed_polls": 0,
            "low_battery": 0,
        }
        if "battery.charge" in before:
            figures["charge_start"] = before["battery.charge"]
        if "battery.runtime" in before:
            figures["predicted_runtime_s"] = before["battery.runtime"]
        return cls(figures, observation)

    def add_sample(
        self, observation: Observation, sample: Figures, started: float, watts_rule: str | None
    ) -> None:
        """Add a full sample on battery; `started` is the outage's start, unix seconds."""
        self._cover(observation, observation.watts)
        figures = self.figures
        figures["seconds"] = round(observation.at - started, 3)
        figures["samples"] += 1
        self._add_battery(sample)
        load = sample.get("ups.load")
        if load is not None:
            mean = figures.get("load_avg", load)
            figures["load_avg"] = round(mean + (load - mean) / figures["samples"], 2)
        for name, variable in LOWEST.items():
            if variable in sample:
                figures[name] = min(figures.get(name, sample[variable]), sample[variable])
        if watts_rule:
            figures["watts_rule"] = watts_rule

    def add_low_battery(self) -> None:
        """The battery is low at the last sample."""
        if not self.figures["low_battery"]:
            self.figures["low_battery"] = 1
            self.figures["seconds_to_low"] = self.figures["seconds"]

    def _add_battery(self, sample: Figures) -> None:
        figures = self.figures
        charge, runtime = sample.get("battery.charge"), sample.get("battery.runtime")
        if charge is not None:
            figures.setdefault("charge_start", charge)
            figures["charge_end"] = charge
        if runtime is not None:
            if figures["samples"] == 1 and figures["missed_polls"] == 0:
                figures["predicted_runtime_s"] = runtime  # at the load that the outage really has
            figures.setdefault("predicted_runtime_s", runtime)

    def add_failed_poll(self) -> None:
        """A poll failed: the time around it is not covered."""
        self.figures["missed_polls"] += 1
        self._last = None

    def add_gap(self) -> None:
        """Nothing was polled for a while: that time is not covered."""
        self._last = None

    def end(self, observation: Observation, started: float) -> bool:
        """Mains are back at `observation`; returns whether the time just before it is covered."""
        observed = self._cover(observation, None)
        self.figures["seconds"] = round(observation.at - started, 3)
        return observed

    def _cover(self, observation: Observation, watts: float | None) -> bool:
        before, self._last = self._last, observation
        seconds = covered_seconds(before, observation) if before else None
        if before is None or seconds is None:
            return False
        figures = self.figures
        figures["covered_s"] = round(figures["covered_s"] + seconds, 3)
        wh = watt_hours(before.watts, watts, seconds)
        if wh is not None:
            figures["wh"] = round(figures.get("wh", 0.0) + wh, 6)
            metered = figures["metered_s"] = round(figures.get("metered_s", 0.0) + seconds, 3)
            if metered:
                figures["watts_avg"] = round(figures["wh"] * 3600 / metered, 2)
        return True
