"""Since when anything is recorded."""

from collections.abc import Mapping
from typing import Any, NamedTuple

RECORDING_START = """select ups, min(coalesce(ups, node), coalesce(node, ups)) as whole from (
  select (select min(first_seen_at) from ups) as ups, (select min(first_seen_at) from nodes) as node)"""


class RecordingStart(NamedTuple):
    """UTC texts: of the first UPS, and of the first UPS or node. None where there is none yet."""

    ups: str | None = None
    whole: str | None = None

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> "RecordingStart":  # Any: a row of SQLite
        """The row of RECORDING_START. Any: a row of SQLite."""
        return cls(row["ups"], row["whole"])
