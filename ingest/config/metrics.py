"""The section `metrics:` of config.yml: what /metrics, for Prometheus, leaves out."""

import re
from dataclasses import dataclass

from ingest.config.checks import Problems

# Numbers that only name something: they are no figures.
IDENTIFIERS = ("*.serial", "*.id", "*.vendorid", "*.productid", "*.part", "*.firmware", "*.firmware.aux")
PATTERN = re.compile(r"[A-Za-z0-9._*?-]+")


@dataclass(frozen=True)
class MetricsSettings:
    """`leave_out` are NUT variables, or patterns of them with * and ?, that are no metrics."""

    leave_out: tuple[str, ...] = IDENTIFIERS

    def check(self) -> Problems:
        """Yield what is wrong: each pattern can match the name of a variable."""
        for pattern in self.leave_out:
            if not PATTERN.fullmatch(pattern):
                yield (
                    "leave_out",
                    f"{pattern!r} matches no NUT variable: write the name of one, such as input.sensitivity, "
                    "or a pattern, such as driver.*",
                )
