"""The section `energy:` of config.yml: tariffs."""

from dataclasses import dataclass

from ingest.config.checks import Problems, check_that, is_date
from ingest.config.loader import keyed
from ingest.ups.tariffs import parse_days, parse_hours


@dataclass(frozen=True)
class Tariff:
    """What a kWh costs from one local day to another, both included, at some hours and days or at all."""

    price_per_kwh: float
    currency: str
    valid_from: str = keyed("from", default="")
    valid_to: str = keyed("to", default="")
    hours: str = ""
    days: str = ""

    def check(self) -> Problems:
        """Yield what is wrong: dates, hours and days can be read, and are in order."""
        for key, text in (("from", self.valid_from), ("to", self.valid_to)):
            yield from check_that(
                not text or is_date(text), key, f"{text!r} is not a date, such as 2026-01-01"
            )
        yield from check_that(not self.valid_to or self.valid_from <= self.valid_to, "to", "is before from")
        for key, parse in (("hours", parse_hours), ("days", parse_days)):
            try:
                parse(getattr(self, key))
            except ValueError as error:
                yield key, str(error)
