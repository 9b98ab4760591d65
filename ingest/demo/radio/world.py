"""What the nodes of the demo house measure: weather, habits and power use as functions of time. Pure.

Everything follows from absolute time (unix seconds) and a seed, sums included: a counter asked for any moment
gives what it would show there, so that a restarted program carries on where it stopped. Places and habits are
those of a home at 45.5 degrees north in central European winter time.
"""

from functools import lru_cache
from itertools import accumulate
from math import cos, pi, sin

from ingest.demo.radio.noise import Noise

DAY = 86400
HOUR = 3600
EPOCH = 1_577_836_800  # 2020-01-01T00:00:00Z: counters stand at their first value here
LATITUDE = 45.5 * pi / 180

# Watts that are drawn all the time, per hour of the day.
# fmt: off
BASE = (
    130, 120, 120, 120, 120, 150, 320, 430, 280, 210, 200, 240,
    330, 300, 220, 220, 260, 380, 520, 610, 560, 470, 340, 190,
)
# fmt: on
BASE_SUM = tuple(accumulate(BASE, initial=0))
# Appliances that run once a day: name, start hour, spread in hours, minutes, watts, every so many days.
APPLIANCES = (
    ("kettle", 7.0, 1.0, 4, 2100, 1),
    ("coffee", 13.2, 0.8, 5, 1400, 1),
    ("tea", 16.8, 1.0, 4, 2100, 1),
    ("oven", 18.6, 1.2, 45, 1700, 1),
    ("dishwasher", 20.6, 1.0, 70, 850, 1),
    ("washing", 9.5, 3.0, 95, 520, 2),
)
FRIDGE_PERIOD, FRIDGE_ON, FRIDGE_WATTS = 2880, 960, 95


def split_day(at: float) -> tuple[int, float]:
    """The local day since EPOCH and the hour of it, for unix seconds; a day begins at midnight CET."""
    day, rest = divmod(at - EPOCH + HOUR, DAY)
    return int(day), rest / HOUR


class World:
    """Weather and power use of one home. Times are unix seconds from 2020 on.

    Earlier ones raise ValueError.
    """

    def __init__(self, seed: int) -> None:
        self.noise = Noise(seed)
        self.shower = lru_cache(maxsize=64)(self._shower)
        self.starts = lru_cache(maxsize=64)(self._starts)
        self.rain_sums = [0.0]

    def cloud(self, at: float) -> float:
        """Cover of the sky, 0 clear to 1 overcast."""
        day, hour = split_day(at)
        start, length, millimetres = self.shower(day)
        wet = 0.5 if millimetres and start - 3 < hour < start + length + 2 else 0
        return min(1.0, max(0.0, 0.4 + wet + 0.6 * self.noise.smooth("cloud", at / 17000)))

    def sun(self, at: float) -> float:
        """Sunlight on flat ground, 0 to about 0.93."""
        day, hour = split_day(at)
        declination = -0.409 * cos(2 * pi * (day % 365.25 + 10) / 365.25)
        height = sin(LATITUDE) * sin(declination) + cos(LATITUDE) * cos(declination) * cos(
            pi * (hour - 12.3) / 12
        )
        return max(0.0, height) * (1 - 0.75 * self.cloud(at))

    def outside(self, at: float) -> float:
        """Air temperature in degrees Celsius."""
        day, hour = split_day(at)
        season = 13 - 10.5 * cos(2 * pi * (day % 365.25 - 15) / 365.25)
        swing = 4.5 * cos(2 * pi * (hour - 15) / 24) * (1 - 0.5 * self.cloud(at))
        return (
            season
            + swing
            + 4 * self.noise.smooth("front", at / 200_000)
            + 0.4 * self.noise.smooth("air", at / 2400)
        )

    def humidity(self, at: float) -> float:
        """Relative humidity outside in per cent."""
        hour = split_day(at)[1]
        return min(
            99.0,
            max(
                25.0,
                66
                + 20 * self.cloud(at)
                - 14 * cos(2 * pi * (hour - 15) / 24)
                + 6 * self.noise.smooth("damp", at / 30_000),
            ),
        )

    def pressure(self, at: float) -> float:
        """Air pressure in hPa."""
        return 1014 + 12 * self.noise.smooth("pressure", at / 160_000) + 0.8 * sin(4 * pi * at / DAY)

    def _shower(self, day: int) -> tuple[float, float, float]:
        """The shower of one local day: start hour, length in hours, millimetres; all 0 on a dry day."""
        if self.noise.chance("wet", day) > 0.36:
            return 0.0, 0.0, 0.0
        length = 1.5 + 5 * self.noise.chance("rain length", day)
        start = 1 + self.noise.chance("rain start", day) * (22 - length)
        return start, length, 1.5 + 17 * self.noise.chance("rain sum", day) ** 2

    def rain(self, at: float) -> float:
        """Millimetres of rain since 2020, in steps of 0.2 as a tipping bucket counts."""
        day, hour = split_day(at)
        if day < 0:
            raise ValueError(f"{at:.0f} is before 2020, where the counters of the demo begin")
        while len(self.rain_sums) <= day:
            self.rain_sums.append(self.rain_sums[-1] + self.shower(len(self.rain_sums) - 1)[2])
        start, length, millimetres = self.shower(day)
        part = min(1.0, max(0.0, (hour - start) / length)) if length else 0.0
        return int((self.rain_sums[day] + millimetres * part * part * (3 - 2 * part)) / 0.2) * 0.2

    def rain_rate(self, at: float) -> float:
        """Millimetres an hour, over the last 15 minutes."""
        return (self.rain(at) - self.rain(at - 900)) * 4

    def _starts(self, day: int) -> tuple[tuple[int, float, float], ...]:
        """Start of each appliance on one local day: (watts, start hour, length in hours)."""
        return tuple(
            (watts, start + spread * self.noise.chance(name, day), minutes / 60)
            for name, start, spread, minutes, watts, every in APPLIANCES
            if day % every == 0
        )

    def watts(self, at: float) -> float:
        """Power drawn from the grid at that moment, in watts."""
        day, hour = split_day(at)
        power = BASE[int(hour)] + (FRIDGE_WATTS if at % FRIDGE_PERIOD < FRIDGE_ON else 0)
        power += sum(watts for watts, start, length in self.starts(day) if start <= hour < start + length)
        return power * (1 + 0.06 * self.noise.chance("watts", int(at)) - 0.03)

    def kwh(self, at: float) -> float:
        """Energy since the meter was set in 2020, in kWh: the exact sum of what `watts` varies around."""
        day, hour = split_day(at)
        if day < 0:
            raise ValueError(f"{at:.0f} is before 2020, where the counters of the demo begin")
        whole = int(hour)
        energy = day * BASE_SUM[24] + BASE_SUM[whole] + BASE[whole] * (hour - whole)
        for _, _, _, minutes, watts, every in APPLIANCES:
            energy += -(-day // every) * watts * minutes / 60
        energy += sum(
            watts * min(length, max(0.0, hour - start)) for watts, start, length in self.starts(day)
        )
        cycles, rest = divmod(at - EPOCH, FRIDGE_PERIOD)
        energy += (cycles * FRIDGE_ON + min(rest, FRIDGE_ON)) * FRIDGE_WATTS / HOUR
        return 214 + energy / 1000
