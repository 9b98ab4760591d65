"""The section `retention:` of config.yml: how long rows are kept."""

from dataclasses import dataclass

from ingest.config.checks import Problems, check_time


@dataclass(frozen=True)
class Retention:
    """Days that rows are kept; None keeps them permanently, as is everything that is not named here."""

    messages_days: int | None = 30
    readings_days: int | None = 365
    ups_samples_days: int | None = 365
    polls_days: int | None = 90
    rejects_days: int | None = 30
    events_days: int | None = 365
    at: str = "03:00"

    def check(self) -> Problems:
        """Yield what is wrong: days are whole ones, and the time can be read."""
        for name, days in vars(self).items():
            if name != "at" and days is not None and days < 1:
                yield name, "has to be 1 or more days; null keeps them permanently"
        yield from check_time(self.at)
