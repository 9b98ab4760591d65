"""The vertical axis: round ticks with headroom, and values as whole numbers of the last digit shown. Pure.

A value is drawn as a whole number of quanta below the top of the axis, so what a cursor reads from the
drawing is the rounded value itself, right to its last digit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, isfinite, log10

HEADROOM = 0.1  # of the range, above and below what is drawn
STEPS = (1, 2, 2.5, 5, 10)
MOST_INTERVALS = 5  # between ticks
RESOLUTION = 250  # quanta that an axis has at least
MOST_QUANTA = 4_000_000  # what the floats of a browser's drawing hold exactly
MOST_DIGITS = 9
# An axis spans at least so much of its unit, else so much of the size of the figure: noise is no storm.
LEAST_SPANS = {"°C": 2.0, "°F": 3.6, "%": 5.0, "hPa": 5.0, "kPa": 0.5}
LEAST_SHARE, LEAST_SHARE_FROM_ZERO = 0.04, 0.25
# Figures that count from zero, and among them counters, which rise for years and have no noise.
COUNTERS = frozenset(("Wh", "kWh", "l", "m³", "mm"))
FROM_ZERO = COUNTERS | {"W", "kW", "VA", "var", "A", "mA", "lx", "l/min", "km/h"}
LEAST_OF_COUNTER = 0.1
SMALL, LARGE = 1e-4, 1e5  # below and from here on, ticks are written in short
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
MINUS = "−"


@dataclass(frozen=True)
class ValueAxis:
    """From `low` to `high`; a value is shown with `digits` decimals."""

    low: float
    high: float
    ticks: tuple[float, ...]
    step: float
    digits: int
    quantum: float

    @cached_property
    def top(self) -> float:
        """The value at y = 0: the first whole number of quanta that is not below `high`."""
        return ceil(self.high / self.quantum - 1e-9) * self.quantum

    @property
    def height(self) -> float:
        """The axis in quanta."""
        return (self.high - self.low) / self.quantum

    @property
    def above(self) -> float:
        """Quanta from `top` down to `high`."""
        return (self.top - self.high) / self.quantum

    def y(self, value: float) -> int:
        """How many quanta below `top` a value lies."""
        return self.ys((value,))[0]

    def ys(self, values: Iterable[float]) -> list[int]:
        """The same of several values."""
        top, quantum, digits = self.top, self.quantum, self.digits
        if quantum > 1:
            return [round((top - value) / quantum) for value in values]
        return [round((top - round(value, digits)) / quantum) for value in values]

    def shown(self, value: float) -> float:
        """A value rounded as its text is, so that the two are never a digit apart."""
        return round(value, self.digits) if self.quantum <= 1 else value

    def share(self, value: float) -> float:
        """How far down a value lies: 0 at the top, 1 at the bottom."""
        return (self.high - value) / (self.high - self.low)

    def text(self, value: float) -> str:
        """A value as it is shown."""
        return format_value(value, self.digits)

    def tick_text(self, value: float) -> str:
        """A tick as it is written beside the axis."""
        return format_tick(value, self.step, max(abs(self.low), abs(self.high)))


def format_value(value: float, digits: int) -> str:
    """A number with that many decimals and thousands separated; a minus sign is one."""
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        return MINUS + text[1:] if any(digit in "123456789" for digit in text) else text[1:]
    return text


def short_number(value: float) -> str:
    """A number in a sentence: up to six digits, in full from a million on."""
    if abs(value) >= 1e6:
        return format_value(value, 0)
    text = f"{value:,.6g}"
    return text.replace("-", MINUS) if "e" not in text else format_tick(value, value, abs(value))


def format_tick(value: float, step: float, largest: float) -> str:
    """A round number in few letters: `0.25`, `200 k`, `1.2e-6`."""
    if value == 0:
        return "0"
    if largest >= LARGE:
        divisor, prefix = next(((size, name) for size, name in PREFIXES if largest >= size), (1, ""))
        if largest / divisor >= LARGE:
            return f"{value:.2g}".replace("-", MINUS)
        return f"{format_value(value / divisor, _decimals(step / divisor))} {prefix}"
    if largest < SMALL:
        mantissa, _, power = f"{value:.2g}".partition("e")
        return (mantissa + (f"e{int(power)}" if power else "")).replace("-", MINUS)
    return format_value(value, _decimals(step))


def own_digits(values: Iterable[float]) -> int:
    """The most decimals that any of the values has."""
    most = 0
    for value in set(values):
        _, _, decimals = f"{value:.{MOST_DIGITS}f}".rstrip("0").partition(".")
        most = max(most, len(decimals))
        if most == MOST_DIGITS:
            break
    return most


def round_step(rough: float) -> float:
    """The first round number that is not below `rough`."""
    power = 10.0 ** floor(log10(rough))
    return next(step * power for step in STEPS if step * power >= rough * (1 - 1e-9))


def next_step(step: float) -> float:
    """The round number above another."""
    return round_step(step * 1.01)


def round_ticks(low: float, high: float, step: float) -> tuple[float, ...]:
    """The multiples of a step from `low` to `high`."""
    digits = _decimals(step) + 1
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return tuple(round(number * step, digits) for number in range(first, last + 1))


def least_span(unit: str, low: float, high: float) -> float:
    """What an axis for values between two spans at least."""
    size = max(abs(low), abs(high))
    if unit in COUNTERS:
        return min(LEAST_OF_COUNTER, size) or 1.0
    share = LEAST_SHARE_FROM_ZERO if unit in FROM_ZERO else LEAST_SHARE
    return LEAST_SPANS.get(unit) or share * size or 1.0


def fit_axis(
    low: float, high: float, unit: str = "", *, floor_at: float | None = None, digits: int = MOST_DIGITS
) -> ValueAxis:
    """The axis for values between two: 3 to 6 round ticks, headroom, and never a storm out of noise.

    It begins at `floor_at` or below. Per cent that lie within 0 to 100 have no tick beyond.
    `digits` are those that the values have.
    """
    if not (isfinite(low) and isfinite(high)):
        raise ValueError(f"no axis from {low} to {high}")
    is_positive = low >= 0
    whole = unit == "%" and low >= 0 and high <= 100
    least = least_span(unit, low, high)
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
        if whole:
            low, high = (100 - least, 100.0) if high > 100 else (0.0, least) if low < 0 else (low, high)
    margin = (high - low) * HEADROOM
    bottom, top = low - margin, high + margin
    if floor_at is not None:
        bottom = min(floor_at, low if low < floor_at else floor_at)
        top = high + (high - bottom) * HEADROOM
    if is_positive:
        bottom = max(0.0, bottom)
    step = round_step((top - bottom) / MOST_INTERVALS)
    while ceil(top / step - 1e-9) - floor(bottom / step + 1e-9) > MOST_INTERVALS:
        step = next_step(step)
    bottom, ceiling = floor(bottom / step + 1e-9) * step, ceil(top / step - 1e-9) * step
    if whole and ceiling > 100:
        ceiling = max(high, 100.0) + (100 - bottom) * HEADROOM / 2
        return _axis(bottom, ceiling, round_ticks(bottom, 100, step), step, digits)
    return _axis(bottom, ceiling, round_ticks(bottom, ceiling, step), step, digits)


def _axis(low: float, high: float, ticks: tuple[float, ...], step: float, digits: int) -> ValueAxis:
    span = high - low
    fine = max(0, ceil(-log10(span / RESOLUTION)))
    digits = min(fine, digits)
    quantum = 10.0**-digits
    while span / quantum > MOST_QUANTA:
        digits, quantum = max(0, digits - 1), quantum * 10
    return ValueAxis(low, high, ticks, step, digits, quantum)


def _decimals(step: float) -> int:
    """Decimals that tell multiples of a round step apart."""
    for digits in range(16):
        if abs(step * 10**digits - round(step * 10**digits)) < 1e-6 * step * 10**digits:
            return digits
    return 16
