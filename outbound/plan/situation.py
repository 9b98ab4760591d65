"""What an outage plan decides by: how long its UPSes are on battery, charge and runtime. Pure.

Every time is on CLOCK_BOOTTIME of the present boot, so that a wall clock that is set, in the outage or at a
boot, moves nothing. What began in an earlier boot is placed there by the wall clock.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingest.db.moment import Moment

FOREVER = float("inf")


class EarlierBoots(NamedTuple):
    """What is known of an outage that goes on since an earlier boot.

    `seconds`: on battery in the boots before this one, at least. `uses_wall`: the wall clock is not known to
    be wrong. `is_exact`: it is known to be right now, and was as the outage began.
    """

    seconds: float
    uses_wall: bool
    is_exact: bool


class OutageEvent(NamedTuple):
    """An event ONBATT of one UPS. `started` is unix seconds; `seconds` None: it goes on.

    `boottime` is CLOCK_BOOTTIME of its start in the boot `boot_id`, `over_by` that of a moment in this
    boot by which it was over. `earlier`: it goes on since an earlier boot.
    """

    id: int
    ups: str
    started: float
    seconds: float | None
    boot_id: str = ""
    boottime: float | None = None
    over_by: float | None = None
    earlier: EarlierBoots | None = None


class Spell(NamedTuple):
    """A time on battery; `end` is FOREVER while it goes on."""

    begin: float
    end: float


class BatteryReading(NamedTuple):
    """A sample of a UPS; `age_s` is how long ago it was taken. `is_low`: the UPS calls its battery low."""

    charge: float | None
    runtime_s: float | None
    age_s: float = 0.0
    is_low: bool = False


@dataclass(frozen=True)
class PlanFigures:
    """What is known of a UPS: the newest samples on battery, at most two, the newest first; and the newest.

    `is_read` False: it does not answer now. `on_mains`: the newest sample says so.
    """

    battery: Sequence[BatteryReading] = ()
    newest: BatteryReading | None = None
    is_read: bool = True
    on_mains: bool = False


@dataclass(frozen=True)
class PlanOutage:
    """An outage of the UPSes of a plan: times on battery with shorter times on mains between them.

    `ids` are those of the events. `is_least`: it lasted so long at least, since it is not known how long the
    machine was off in it.
    """

    spells: tuple[Spell, ...]
    ids: frozenset[int]
    is_least: bool = False

    @property
    def begin(self) -> float:
        """When it began."""
        return self.spells[0].begin

    @property
    def is_open(self) -> bool:
        """Whether it is on battery now."""
        return self.spells[-1].end == FOREVER

    def battery_s(self, now: float) -> float:
        """Seconds on battery until now, without those on mains between."""
        return sum(max(0.0, min(spell.end, now) - spell.begin) for spell in self.spells)

    def spell_s(self, now: float) -> float:
        """Seconds of the last time on battery until now."""
        return max(0.0, min(self.spells[-1].end, now) - self.spells[-1].begin)

    def back_s(self, now: float) -> float | None:
        """Seconds since mains are back; None on battery."""
        return None if self.is_open else max(0.0, now - self.spells[-1].end)


@dataclass(frozen=True)
class Situation:
    """What a plan knows of its outage at one moment.

    `back_s` None: on battery. `is_certain` False: whether it is on battery is not known since the boot.
    `lowest_charge` and `lowest_runtime_s` are those of the whole outage, known when it is over. `is_least`:
    `battery_s` is the least that it can be.
    """

    battery_s: float
    back_s: float | None
    settle_s: float
    charge: float | None = None
    runtime_s: float | None = None
    is_certain: bool = True
    lowest_charge: float | None = None
    lowest_runtime_s: float | None = None
    is_least: bool = False

    @property
    def on_battery(self) -> bool:
        """Whether the plan counts as on battery."""
        return self.back_s is None

    @property
    def is_settled(self) -> bool:
        """Whether mains are back for good."""
        return self.back_s is not None and self.back_s >= self.settle_s


def place_outage(outage: OutageEvent, now: Moment) -> Spell:
    """When it was, on CLOCK_BOOTTIME of now."""
    if outage.boot_id and outage.boot_id == now.boot_id and outage.boottime is not None:
        begin = outage.boottime
    else:
        begin = now.boottime - _length_before(outage, now)
    if outage.seconds is None:
        return Spell(begin, FOREVER)
    end = begin + outage.seconds
    if outage.over_by is not None and end > outage.over_by:  # a wall clock that is behind
        return Spell(outage.over_by - outage.seconds, outage.over_by)
    return Spell(begin, end)


def _length_before(outage: OutageEvent, now: Moment) -> float:
    """Seconds since the start of an outage of an earlier boot."""
    by_wall, earlier = max(0.0, now.wall - outage.started), outage.earlier
    if earlier is None:
        return by_wall
    known = earlier.seconds + now.boottime
    return max(known, by_wall) if earlier.uses_wall else known


def find_outages(
    stored: Iterable[OutageEvent], upses: Collection[str], needs_all: bool, settle_s: float, now: Moment
) -> list[PlanOutage]:
    """The outages of a plan, in order of time: of any UPS, or with `needs_all` of all at once."""
    placed = [(place_outage(one, now), one) for one in stored]
    spells = _overlaps([(spell, one.ups) for spell, one in placed], len(upses) if needs_all else 1)
    groups: list[list[Spell]] = []
    for spell in spells:
        if groups and spell.begin - groups[-1][-1].end < settle_s:
            groups[-1].append(spell)
        else:
            groups.append([spell])
    return [_plan_outage(group, placed) for group in groups]


def _plan_outage(group: Sequence[Spell], placed: Sequence[tuple[Spell, OutageEvent]]) -> PlanOutage:
    ids = _ids_in(group, placed)
    vague = {one.id for _, one in placed if one.earlier is not None and not one.earlier.is_exact}
    return PlanOutage(tuple(group), ids, bool(ids & vague))


def _overlaps(spells: Sequence[tuple[Spell, str]], wanted: int) -> list[Spell]:
    """When at least `wanted` UPSes are on battery at once."""
    # Of two edges at one time the beginning is first: an end that touches a beginning is no gap.
    edges = sorted(
        [(spell.begin, 0, ups) for spell, ups in spells] + [(spell.end, 1, ups) for spell, ups in spells]
    )
    found: list[Spell] = []
    open_: dict[str, int] = {}
    began: float | None = None
    for at, is_end, ups in edges:
        open_[ups] = open_.get(ups, 0) + (-1 if is_end else 1)
        enough = sum(count > 0 for count in open_.values()) >= wanted
        if enough and began is None:
            began = at
        elif not enough and began is not None:
            found.append(Spell(began, at))
            began = None
    return found


def _ids_in(group: Sequence[Spell], placed: Iterable[tuple[Spell, OutageEvent]]) -> frozenset[int]:
    begin, end = group[0].begin, group[-1].end
    return frozenset(one.id for spell, one in placed if spell.begin <= end and spell.end >= begin)


def battery_figures(
    figures: Mapping[str, PlanFigures], needs_all: bool, spell_s: float
) -> tuple[float | None, float | None]:
    """(charge, runtime in s) that steps on battery go by; None where it is not known.

    Of each UPS the better of its last two samples counts: one odd value right after the switch is none,
    unless the UPS calls its battery low, since then upsmon acts, too. The runtime is counted down since its
    sample, also while the UPS does not answer; then its last sample counts.
    """
    charges, runtimes = [], []
    for one in figures.values():
        readings = one.battery
        if not one.is_read:
            readings = [one.newest] if one.newest is not None else []
        elif readings and readings[0].is_low:
            readings = readings[:1]
        elif len(readings) < 2:
            continue
        charges.append(_best(reading.charge for reading in readings))
        runtimes.append(_best(_runtime_now(reading, spell_s) for reading in readings))
    return worst_of(charges, needs_all), worst_of(runtimes, needs_all)


def _runtime_now(reading: BatteryReading, spell_s: float) -> float | None:
    if reading.runtime_s is None:
        return None
    return max(0.0, reading.runtime_s - min(max(0.0, reading.age_s), spell_s))


def return_charge(
    figures: Mapping[str, PlanFigures], upses: Collection[str], needs_all: bool
) -> float | None:
    """The charge that steps after an outage go by: of UPSes that answer, and say that they are on mains."""
    charges: list[float | None] = []
    for ups in upses:
        one = figures.get(ups)
        if one is None or one.newest is None or not (one.is_read and one.on_mains):
            charges.append(None)
        else:
            charges.append(one.newest.charge)
    if not needs_all and None in charges:
        return None  # one of them may be empty
    return worst_of(charges, needs_all)


def _best(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known, default=None)


def worst_of(values: Iterable[float | None], needs_all: bool) -> float | None:
    """The worst of several UPSes; the best where the load lives as long as one of them."""
    known = [value for value in values if value is not None]
    return (max if needs_all else min)(known) if known else None
