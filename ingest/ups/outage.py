"""The figures of one outage, kept as it goes on. Pure; they are the JSON that `events.figures` holds."""

from ingest.ups.energy import covered_seconds, watt_hours

LOWEST = {
    "lowest_charge": "battery.charge",
    "lowest_battery_voltage": "battery.voltage",
    "lowest_input_voltage": "input.voltage",
}


class OutageFigures:
    """Adds up what is seen while a UPS is on battery.

    Only what lies between two samples that follow each other counts, or between a sample and the end; `seconds` alone is
    from start to end. Units: s, Wh, W, %, V.
    """

    def __init__(self, figures, observation=None):
        self.figures = figures
        self._last = observation  # the last one seen on battery, None after a failed poll or a restart

    @classmethod
    def begin(cls, observation, before):
        """An outage that is noticed at `observation`; `before` are the figures of the last sample on mains, {} if there is none."""
        figures = {"seconds": 0.0, "covered_s": 0.0, "samples": 0, "missed_polls": 0, "low_battery": 0}
        if "battery.charge" in before:
            figures["charge_start"] = before["battery.charge"]
        if "battery.runtime" in before:
            figures["predicted_runtime_s"] = before["battery.runtime"]
        return cls(figures, observation)

    def see(self, observation, figures, started, watts_rule):
        """A full sample on battery."""
        own = self.figures
        self._cover(observation)
        own["seconds"] = round(observation.at - started, 3)
        own["samples"] += 1
        charge, runtime, load = (
            figures.get(name) for name in ("battery.charge", "battery.runtime", "ups.load")
        )
        if charge is not None:
            own.setdefault("charge_start", charge)
            own["charge_end"] = charge
        if runtime is not None:
            if own["samples"] == 1 and own["missed_polls"] == 0:
                own["predicted_runtime_s"] = runtime  # at the load that the outage really has
            own.setdefault("predicted_runtime_s", runtime)
        if load is not None:
            mean, number = own.get("load_avg", load), own["samples"]
            own["load_avg"] = round(mean + (load - mean) / number, 2)
        for name, variable in LOWEST.items():
            if variable in figures:
                own[name] = min(own.get(name, figures[variable]), figures[variable])
        if watts_rule:
            own["watts_rule"] = watts_rule
        if "LB" in observation.words and not own["low_battery"]:
            own["low_battery"] = 1
            own["seconds_to_low"] = own["seconds"]

    def miss(self):
        """A poll failed: what lies around it is not counted."""
        self.figures["missed_polls"] += 1
        self._last = None

    def gap(self):
        """Nobody looked for a while."""
        self._last = None

    def end(self, observation, started):
        """Mains are back at `observation`; returns whether the last observations before it were seen."""
        seen = self._cover(observation, last=True)
        self.figures["seconds"] = round(observation.at - started, 3)
        return seen

    def _cover(self, observation, last=False):
        before, self._last = self._last, observation
        seconds = covered_seconds(before, observation) if before else None
        if seconds is None:
            return False
        own = self.figures
        own["covered_s"] = round(own["covered_s"] + seconds, 3)
        wh = watt_hours(before.watts, None if last else observation.watts, seconds)
        if wh is not None:
            own["wh"] = round(own.get("wh", 0.0) + wh, 6)
            metered = own["metered_s"] = round(own.get("metered_s", 0.0) + seconds, 3)
            if metered:
                own["watts_avg"] = round(own["wh"] * 3600 / metered, 2)
        return True
