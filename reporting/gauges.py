"""Gauges of a UPS: a value on a scale with its limits. Pure.

Places on the scale are per cent of its length. A gauge without a limit says so.
"""

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from ingest.severity import CRITICAL_RUNTIME_S
from ingest.ups.limits import OVERLOAD, InputVoltage, Limits
from reporting.canned_queries import Row
from reporting.formatting import UNKNOWN, as_sentence, format_figure, format_length, format_watts

RUNTIME_SCALES_S = (600, 1800, 3600, 7200, 14_400, 28_800, 57_600, 86_400, 172_800, 604_800)
VARIABLES = {"Runtime": "battery.runtime", "Load": "ups.load", "Mains": "input.voltage"}
LIMIT_AT = (
    12.0  # % of the scale of a voltage, where its lower limit stands; the upper one as far from the end
)
BAND = 0.2  # of the nominal voltage, which a scale without limits shows
EDGE = 18.0  # % from an end, where the text of a limit is anchored there


class GaugeTick(NamedTuple):
    """A limit on a scale."""

    at: float
    text: str
    tone: str

    @property
    def anchor(self) -> str:
        """The value of text-anchor that keeps the text inside."""
        return "start" if self.at < EDGE else "end" if self.at > 100 - EDGE else "middle"


class Gauge(NamedTuple):
    """A figure with its unit, on a scale: a bar from 0, or with `is_point` a mark; no `share` without one.

    `note` stands beside the figure, `remark` below it: why there is no figure or no limit, what else counts.
    """

    title: str
    figure: str
    note: str
    share: float | None
    tone: str
    ticks: tuple[GaugeTick, ...]
    remark: str = ""
    is_point: bool = False

    @property
    def variable(self) -> str:
        """The variable whose page has more of it."""
        return VARIABLES[self.title]

    @property
    def text(self) -> str:
        """The gauge for those who do not see it."""
        limits = ", ".join(tick.text for tick in self.ticks)
        return f"{self.title} {self.figure}" + (f"; limits: {limits}" if limits else "")


def runtime_gauge(ups: Row, numbers: Mapping[str, float | None], tone: str) -> Gauge:
    """How long the battery lasts; critical is what counts as such on battery."""
    runtime, low = ups["battery_runtime"], numbers.get("battery.runtime.low")
    critical = max(CRITICAL_RUNTIME_S, low or 0)
    remark = (
        f"The UPS calls it low at {format_length(low)}." if low else "The UPS reports no limit of its own."
    )
    top = next(
        (top for top in RUNTIME_SCALES_S if top >= max(runtime or 0, 4 * critical)), RUNTIME_SCALES_S[-1]
    )
    ticks = (GaugeTick(_share(critical, top), f"critical below {format_length(critical)}", "critical"),)
    if runtime is None:
        return Gauge("Runtime", UNKNOWN, ups["runtime_basis"] or "not reported", None, "none", ticks, remark)
    note = "estimated" if ups["runtime_basis"] else ""
    if ups["runtime_basis"]:
        remark = f"{as_sentence(ups['runtime_basis'])} {remark}"
    tone = "critical" if runtime < critical else tone
    whole = runtime if runtime < 3600 else runtime // 60 * 60
    return Gauge("Runtime", format_length(whole), note, _share(runtime, top), tone, ticks, remark)


def load_gauge(ups: Row, limits: Limits) -> Gauge:
    """The load against the rating."""
    load, watts, rated = ups["ups_load"], ups["watts"], ups["realpower_nominal"]
    if load is None and watts is None:
        return Gauge("Load", UNKNOWN, "not reported", None, "none", ())
    figure = format_watts(watts) if watts is not None else format_figure(load, "%")
    if load is None and not rated:
        return Gauge("Load", figure, "", None, "none", (), "The UPS reports no rating to compare it with.")
    known = load if load is not None else 100 * watts / rated
    of = f" of {format_watts(rated)}" if rated else ""
    note = f"{format_figure(float(f'{known:.3g}'), '%')}{of}" if watts is not None else of.strip()
    top, most = max(OVERLOAD, known), limits.load_max
    ticks = _load_ticks(most, top)
    tone = "critical" if known > OVERLOAD else "warning" if most and known > most else "load"
    return Gauge("Load", figure, note, _share(known, top), tone, ticks, "" if most else "No limit is set.")


def _load_ticks(most: float | None, top: float) -> tuple[GaugeTick, ...]:
    ticks = [GaugeTick(_share(most, top), f"warning {format_figure(most, '%')}", "warning")] if most else []
    if top > OVERLOAD:
        ticks.append(GaugeTick(_share(OVERLOAD, top), format_figure(OVERLOAD, "%"), "critical"))
    return tuple(ticks)


def input_gauge(ups: Row, numbers: Mapping[str, float | None], limits: Limits, feed_tone: str) -> Gauge:
    """The voltage of the mains between those at which the UPS goes on battery."""
    figures = {name: number for name, number in numbers.items() if number is not None}
    mains = InputVoltage(limits, ups["mains_nominal"])
    low, high = mains.transfer_range(figures)
    volts, usual = ups["input_voltage"], mains.nominal(figures)
    scale = _voltage_scale(low, high, usual or volts)
    if scale is None:
        return Gauge("Mains", UNKNOWN, "not measured", None, "none", (), "No limits are known.")
    ticks, remark = _voltage_ticks(scale, low, high, usual)
    if volts is None:
        return Gauge("Mains", UNKNOWN, "not measured", None, "none", ticks, remark, True)
    tone = feed_tone if (low or 0) <= volts <= (high or inf) else "critical"
    note = format_figure(ups["input_frequency"], "Hz") if ups["input_frequency"] is not None else ""
    return Gauge("Mains", format_figure(volts, "V"), note, scale.place(volts), tone, ticks, remark, True)


class VoltageScale(NamedTuple):
    """From the voltage at its left end to that at its right one."""

    start: float
    end: float

    def place(self, volts: float) -> float:
        """Where a voltage stands, in per cent."""
        return _share(volts - self.start, self.end - self.start)


def _voltage_ticks(
    scale: VoltageScale, low: float | None, high: float | None, usual: float | None
) -> tuple[tuple[GaugeTick, ...], str]:
    """The limits on the scale, and what they mean."""
    ticks = tuple(
        GaugeTick(scale.place(volts), format_figure(volts, "V"), "warning")
        for volts in (low, high)
        if volts is not None
    )
    if len(ticks) == 2:
        return ticks, "Outside of these it goes on battery."
    if ticks:
        side = "below" if high is None else "above"
        return ticks, f"It goes on battery {side} this; it reports no other limit."
    if usual:
        ticks = (GaugeTick(scale.place(usual), f"usual {format_figure(usual, 'V')}", "none"),)
    return ticks, "The UPS reports no limits."


def _voltage_scale(low: float | None, high: float | None, usual: float | None) -> VoltageScale | None:
    ends = [volts for volts in (low, high) if volts is not None]
    if len(ends) == 1 and usual and usual != ends[0]:
        ends.append(2 * usual - ends[0])
    if len(ends) == 2:
        beyond = (max(ends) - min(ends)) * LIMIT_AT / (100 - 2 * LIMIT_AT)
        return VoltageScale(min(ends) - beyond, max(ends) + beyond)
    middle = ends[0] if ends else usual
    return None if middle is None else VoltageScale(middle * (1 - BAND), middle * (1 + BAND))


def _share(value: float, top: float) -> float:
    return round(min(100.0, max(0.0, 100 * value / top)), 2)
