"""Limits of a UPS that users set on its page: rows of `settings`, which go before the config's `limits:`."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from ingest.limit_kinds import LIMIT_KINDS, OFF, LimitError, parse_limit
from ingest.ups.limits import Limits

KEYS = ", ".join(f"'{key}'" for key in LIMIT_KINDS)
SELECT = f"""select cast(substr(subject, 5) as integer), key, value from settings
where subject like 'ups/%' and key in ({KEYS}) order by subject, key"""

OwnLimits = Mapping[str, float | None]  # key -> limit, None: off


def read_limits(connection: sqlite3.Connection) -> dict[int, dict[str, float | None]]:
    """The limits that users set, by `ups.id`. What this version cannot read is left out."""
    found: dict[int, dict[str, float | None]] = {}
    for ups, key, value in connection.execute(SELECT):
        try:
            text = parse_limit(key, value)
        except LimitError:
            continue
        found.setdefault(ups, {})[key] = None if text == OFF else float(text)
    return found


def apply_limits(config: Limits, own: OwnLimits) -> Limits:
    """The limits that count. Two that exclude each other leave the config's."""
    limits = replace(config, **own)
    return config if next(limits.check(), None) is not None else limits
