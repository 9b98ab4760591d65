"""`retention:` and `backup:` of config.yml: how long rows are kept, where copies of the file go, and when."""

import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path

AT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Retention:
    """Days that rows are kept; None keeps them for ever. What is not named here is kept for ever."""

    messages_days: int | None = 30
    readings_days: int | None = 365
    ups_samples_days: int | None = 365
    polls_days: int | None = 90
    rejects_days: int | None = 30
    at: str = "03:00"

    def check(self):
        for name, days in vars(self).items():
            if name != "at" and days is not None and days < 1:
                yield name, "has to be 1 or more days; null keeps them for ever"
        yield from check_time(self.at)


@dataclass(frozen=True)
class Backup:
    """A daily copy of the file in `folder`, of which the newest `keep` stay; no folder, no copy."""

    folder: Path | None = None
    at: str = "04:00"
    keep: int = 7

    def check(self):
        yield from check_time(self.at)
        if self.keep < 1:
            yield "keep", "has to be 1 or more copies"


def check_time(text):
    if not AT.fullmatch(text):
        yield "at", f'{text!r} is no time of the day: write it in quotes, such as "03:00"'


def parse_at(text):
    """`03:00` as a time of the day."""
    return time.fromisoformat(text)
