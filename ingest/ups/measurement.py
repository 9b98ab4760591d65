"""What the variables of a full poll amount to: figures that can be, the rating, and the watts. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from ingest.ups.plausible import read_figures
from ingest.ups.records import Figures, Variables
from ingest.ups.settings import NO_SETTINGS, UpsSettings
from ingest.ups.watts import MEASURED, Rating, add_totals, find_rating, find_watts


class Measurement(NamedTuple):
    """The figures of a full poll, and what follows from them.

    `watts_rule` is how the W came about, as `watts` has it. `implausible`: variable -> (text, why) of those
    that cannot be.
    """

    figures: Figures
    watts: float | None
    watts_rule: str | None
    rating: Rating
    implausible: Mapping[str, tuple[str, str]]


def measure(variables: Variables, settings: UpsSettings = NO_SETTINGS) -> Measurement:
    """Measure a full poll; `settings` is the UPS's entry in the config."""
    figures, implausible = read_figures(variables)
    add_totals(figures)
    rating = find_rating(figures, settings.realpower_nominal, settings.power_factor)
    watts, rule = find_watts(figures, rating)
    if watts is not None:
        watts = round(watts, 3)
        if rule is not None and rule.startswith(MEASURED):
            figures.setdefault("ups.realpower", watts)
    return Measurement(figures, watts, rule, rating, implausible)
