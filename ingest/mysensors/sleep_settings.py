"""What users set about the sleep of nodes, on its way from the table `settings` to the gateways."""

import sqlite3
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from ingest.settings import SettingError, parse_subject

SELECT = "select subject, value from settings where key = 'sleep'"


@dataclass(eq=False)
class SleepSettings:
    """Sink that only reads: `deliver(gateway, node id -> setting)` gets all of a gateway that has changed."""

    gateways: Container[int]
    deliver: Callable[[int, dict[int, str]], object]
    _known: dict[int, dict[int, str]] = field(default_factory=dict, init=False)

    def absorb(self, item: None) -> None:
        """Nothing is handed in."""

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Deliver what has changed."""
        if not changed:
            return False
        found: dict[int, dict[int, str]] = {gateway: {} for gateway in self._known}
        for subject, value in connection.execute(SELECT):
            try:
                _, key = parse_subject(subject)
            except SettingError:
                continue  # of a table that this version does not know
            gateway, node_id = divmod(key, 256)
            if gateway in self.gateways:
                found.setdefault(gateway, {})[node_id] = value
        for gateway, settings in found.items():
            if settings != self._known.get(gateway):
                self.deliver(gateway, settings)
        self._known = found
        return False

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Nothing is written."""
        return set()

    def committed(self) -> None:
        """Nothing was written."""
