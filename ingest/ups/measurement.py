"""What the variables of a full poll amount to: figures that can be, the rating, and the watts. Pure.

Corrections of the config come first.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ingest.ups.ambient import drop_absent_probes
from ingest.ups.corrections import correct
from ingest.ups.phases import add_input
from ingest.ups.plausible import read_figures
from ingest.ups.records import Figures, Variables
from ingest.ups.settings import NO_SETTINGS, UpsSettings
from ingest.ups.watts import MEASURED, Rating, add_totals, find_rating, find_watts


class Measurement(NamedTuple):
    """The figures of a full poll, and what follows from them; `counted` are its variables as corrected.

    `watts_rule` is how the W came about, as `watts` has it. `implausible`: variable -> (text, why) of those
    that cannot be.
    """

    figures: Figures
    watts: float | None
    watts_rule: str | None
    rating: Rating
    implausible: Mapping[str, tuple[str, str]]
    counted: Variables


def measure(variables: Variables, settings: UpsSettings = NO_SETTINGS) -> Measurement:
    """Measure a full poll; `settings` is the UPS's entry in the config."""
    counted = correct(variables, settings.variables)
    figures, implausible = read_figures(counted)
    if counted is not variables:
        implausible = {name: _as_sent(name, *odd, variables) for name, odd in implausible.items()}
    drop_absent_probes(figures, counted)
    add_input(figures, counted.get("input.source", ""))
    add_totals(figures)
    rating = find_rating(figures, settings.realpower_nominal, settings.power_factor)
    watts, rule = find_watts(figures, rating)
    if watts is not None:
        watts = round(watts, 3)
        if rule is not None and rule.startswith(MEASURED):
            figures.setdefault("ups.realpower", watts)
    return Measurement(figures, watts, rule, rating, implausible, counted)


def _as_sent(name: str, text: str, why: str, variables: Variables) -> tuple[str, str]:
    """The text of a variable that cannot be, with what the device sent where it is corrected."""
    sent = variables.get(name)
    return (text if sent == text else f"{text} (corrected, sent {sent or 'nothing'})"), why
