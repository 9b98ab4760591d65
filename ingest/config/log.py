"""The section `log:` of config.yml."""

from dataclasses import dataclass
from pathlib import Path

from ingest.config.checks import Problems, check_that, nearest_choice

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Logging:
    """What is logged, and to which rotated file beside stderr."""

    level: str = "INFO"
    file: Path | None = None
    rotate_mb: float = 10
    keep: int = 5

    def check(self) -> Problems:
        """Yield what is wrong: the level exists and files have a size and a number."""
        if self.level not in LEVELS:
            yield "level", f"{self.level!r} is not a log level: {nearest_choice(self.level, LEVELS)}"
        yield from check_that(self.rotate_mb > 0, "rotate_mb", "has to be more than 0 MB")
        yield from check_that(self.keep >= 1, "keep", "has to be 1 or more files")
