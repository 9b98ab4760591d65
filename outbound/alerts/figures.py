"""The figures of an event as text. What is not known is left out, never made up. Pure."""

from collections.abc import Iterable, Mapping

from reporting.formatting import format_length

UNITS = {"HOT": "°C", "LOAD_HIGH": "%", "CHARGE_LOW": "%", "VOLTAGE": "V", "INPUT_LOW": "V"}


def number(figures: Mapping[str, object], *names: str) -> float | None:
    """The first of these figures that is there and is a finite number."""
    for name in names:
        value = figures.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
            return float(value)
    return None


def format_plain(value: float, unit: str = "") -> str:
    """A number with at most one decimal, and its unit behind a plain space: every display has that."""
    text = f"{round(value, 1):g}" if abs(value) < 1e5 else f"{value:.0f}"
    return f"{text} {unit}" if unit else text


def format_wh(value: float) -> str:
    """Energy: `6.2 Wh`, `62 Wh`, `1.24 kWh`."""
    if abs(value) >= 1000:
        return f"{value / 1000:.2f} kWh"
    return f"{value:.0f} Wh" if abs(value) >= 10 else format_plain(value, "Wh")


def percent(figures: Mapping[str, object], *names: str) -> str:
    """A share as `18 %`; '' where it is not known."""
    value = number(figures, *names)
    return "" if value is None else f"{value:.0f} %"


def length(figures: Mapping[str, object], *names: str) -> str:
    """A time in seconds as `23 min`, without seconds from ten minutes on; '' where it is not known."""
    value = number(figures, *names)
    return "" if value is None else about(value)


def about(seconds: float) -> str:
    """A duration that need not be to the second: from ten minutes on it is to the minute."""
    return format_length(seconds if seconds < 600 else seconds // 60 * 60)


def labelled(label: str, text: str) -> str:
    """`label text`, '' where there is no text."""
    return f"{label} {text}" if text else ""


def listed(parts: Iterable[str]) -> str:
    """The parts that are there, with commas."""
    return ", ".join(part for part in parts if part)
