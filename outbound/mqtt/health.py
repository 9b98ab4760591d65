"""How publishing does, in a small file beside the database, for `voltkeeper status`, `check` and /metrics."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ingest.db.durations import format_duration
from ingest.db.moment import Moment
from ingest.pipeline.spool import beside

LATE_S = 90.0  # the file is written every WRITE_S: when it is older, nothing publishes
WRITE_S = 30.0


@dataclass(frozen=True)
class PublishHealth:
    """`fault` is why there is no connection, '' where there is one. Ages are seconds.

    `topics` are retained now; `published` messages, `orders` and `refused` are counted since the start.
    """

    address: str
    fault: str = ""
    since_s: float = 0.0
    topics: int = 0
    published: int = 0
    orders: int = 0
    refused: int = 0
    connects: int = 0
    age_s: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether it publishes now."""
        return not self.fault and self.age_s <= LATE_S

    def describe(self) -> str:
        """Return it as text for people."""
        if self.age_s > LATE_S:
            return f"nothing publishes: last heard of {format_duration(self.age_s)} ago"
        since = format_duration(self.since_s)
        if self.fault:
            return f"not connected for {since}: {self.fault}"
        return f"connected for {since}, {self.topics} topics"


def write_health(database: Path, health: PublishHealth) -> None:
    """Replace the file; a disk that is full is told by others."""
    path = _path(database)
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(OSError):
        new.write_text(json.dumps({**asdict(health), "at": Moment.now()}), encoding="utf-8")
        os.replace(new, path)


def read_health(database: Path) -> PublishHealth | None:
    """How it does now; None where nothing was published yet."""
    try:
        content = json.loads(_path(database).read_text(encoding="utf-8"))
        age_s = Moment(*content["at"]).seconds_to(Moment.now())
        known = {field.name: content[field.name] for field in fields(PublishHealth)}
        return PublishHealth(
            **{**known, "age_s": age_s, "since_s": float(known["since_s"]) + max(0.0, age_s)}
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(database: Path) -> Path:
    return beside(database, "publish", 1)
