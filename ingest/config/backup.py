"""The section `backup:` of config.yml: where copies of the database go, and when."""

from dataclasses import dataclass
from pathlib import Path

from ingest.config.checks import Problems, check_that, check_time


@dataclass(frozen=True)
class Backup:
    """A daily copy of the file in `folder`, of which the newest `keep` stay; no folder, no copy."""

    folder: Path | None = None
    at: str = "04:00"
    keep: int = 7

    def check(self) -> Problems:
        """Yield what is wrong: the time can be read and some copies stay."""
        yield from check_time(self.at)
        yield from check_that(self.keep >= 1, "keep", "has to be 1 or more copies")
