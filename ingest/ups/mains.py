"""Whether mains feed a UPS, its battery does, or it tests its battery. Pure.

The measured input voltage decides where it is there; the words of the status decide the rest. In NUT's device
dump library 619 of 719 devices report input.voltage; of the 26 that say OB, 17 do, and 3 say OL besides.
"""

from enum import Enum
from typing import NamedTuple

from ingest.ups.limits import LEAST_MAINS_V, InputVoltage
from ingest.ups.records import Figures
from ingest.ups.status import TEST_WORDS, is_on_battery

# How long a status is believed that calls time on battery a test, where the mains are not measured.
TEST_S = 15 * 60.0
CALIBRATION_S = 6 * 3600.0
NOT_MEASURED = "mains not measured"
LOST_SHARE = 0.3  # of the nominal voltage: OL DISCHRG with less at the input is on battery, whatever it says


class PowerSource(Enum):
    """What feeds the load."""

    MAINS = "mains"
    BATTERY = "battery"
    TEST = "test"  # on battery by its own will, with mains there
    UNKNOWN = "unknown"  # nothing begins and nothing ends


class MainsState(NamedTuple):
    """What a poll shows. `since`: (unix s, monotonic s) from when it holds where that is before the poll."""

    mains: PowerSource
    measured: bool | None = None  # whether the input voltage shows mains; None: not measured
    since: tuple[float, float] | None = None


class MainsWatcher:
    """The mains of one UPS, from poll to poll.

    `discharging_is_outage` makes `OL DISCHRG` with the input below its range time on battery, for UPSes that
    never say OB.
    """

    def __init__(self, voltage: InputVoltage, discharging_is_outage: bool = False) -> None:
        self._voltage, self._discharging_is_outage = voltage, discharging_is_outage
        self._test_since: tuple[float, float] | None = None  # of a test without measured mains
        self._missing = 0  # consecutive samples without mains of a UPS that has no status

    def apply_poll(
        self,
        at: tuple[float, float],
        tokens: frozenset[str],
        figures: Figures | None,
        is_test_running: bool,
    ) -> MainsState:
        """What a poll of `at` (unix s, monotonic s) shows. `figures` None: a poll of the status alone.

        `is_test_running`: ups.test.result says so.
        """
        present = self._voltage.is_present(figures) if figures is not None else None
        if not tokens:
            return self._without_status(figures or {}, present)
        on_line = "OL" in tokens
        on_battery = is_on_battery(tokens)
        if on_line and on_battery:
            state = MainsState(_MEASURED[present], present)
        elif on_battery:
            return self._on_battery(at, tokens, figures, present, is_test_running)
        elif on_line:
            lost = "DISCHRG" in tokens and self._is_lost(figures, present)
            state = MainsState(
                PowerSource.UNKNOWN if lost is None else PowerSource.BATTERY if lost else PowerSource.MAINS,
                present,
            )
        else:
            state = MainsState(PowerSource.UNKNOWN, present)
        self._test_since = None
        return state

    def _on_battery(
        self,
        at: tuple[float, float],
        tokens: frozenset[str],
        figures: Figures | None,
        present: bool | None,
        is_test_running: bool,
    ) -> MainsState:
        """OB without OL: an outage, unless the UPS calls it a test and the mains are there or not
        measured."""
        is_calibration = "CAL" in tokens
        if not (is_calibration or is_test_running or tokens & TEST_WORDS):
            self._test_since = None
            return MainsState(PowerSource.BATTERY, present)
        if present is not None:
            self._test_since = None
            return MainsState(PowerSource.TEST if present else PowerSource.BATTERY, present)
        if figures is None and self._voltage.is_measured:
            return MainsState(PowerSource.UNKNOWN)  # the next full poll tells
        if self._test_since is None:
            self._test_since = at
        limit = CALIBRATION_S if is_calibration else TEST_S
        is_test = at[1] - self._test_since[1] <= limit
        return MainsState(PowerSource.TEST if is_test else PowerSource.BATTERY, None, self._test_since)

    def _is_lost(self, figures: Figures | None, present: bool | None) -> bool | None:
        """Whether OL DISCHRG is time on battery; None where a poll of the status alone cannot tell."""
        if figures is None:
            return None if self._discharging_is_outage else False
        if self._discharging_is_outage:
            return present is False
        volts, nominal = figures.get("input.voltage"), self._voltage.nominal(figures)
        return volts is not None and present is False and nominal is not None and volts < LOST_SHARE * nominal

    def _without_status(self, figures: Figures, present: bool | None) -> MainsState:
        """By the input voltage alone; two samples without mains are needed, and a battery."""
        self._test_since = None
        has_battery = any(name.startswith("battery.") for name in figures)
        volts = figures.get("input.voltage")
        self._missing = (
            self._missing + 1 if volts is not None and volts < LEAST_MAINS_V and present is False else 0
        )
        if self._missing >= 2 and has_battery:
            return MainsState(PowerSource.BATTERY, present)
        return MainsState(PowerSource.MAINS if present else PowerSource.UNKNOWN, present)


_MEASURED = {True: PowerSource.MAINS, False: PowerSource.BATTERY, None: PowerSource.UNKNOWN}
