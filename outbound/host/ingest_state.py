"""Whether ingest runs, by what its processes leave beside the database: heartbeats, and locks of sources."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.config.model import Config
from ingest.db.locks import is_byte_locked
from ingest.pipeline.heartbeat import Heartbeat, find_alive, read_heartbeats
from ingest.ups.source_lock import lock_offset
from outbound.host.ingest_checks import UnreadSource


@dataclass
class IngestState:
    """`gateways` maps the names of gateways to `gateways.id`, as far as the database was read."""

    config: Config
    gateways: Mapping[str, int] = field(default_factory=dict)
    _free_since: dict[str, float] = field(default_factory=dict, init=False)  # sources without a lock

    @property
    def sources(self) -> list[str]:
        """The names of what ingest reads."""
        return [source.name for source in self.config.sources]

    def heartbeats(self) -> list[Heartbeat]:
        """What each process wrote last."""
        return read_heartbeats(self.config.database)

    def unread(self) -> list[UnreadSource]:
        """The sources that no process has locked, and for how long; without those that are not known yet."""
        found = []
        for name in self.sources:
            seconds = self._free_s(name)
            if seconds is not None:
                found.append(UnreadSource(name, seconds))
        return found

    def _free_s(self, source: str) -> float | None:
        is_gateway = any(gateway.name == source for gateway in self.config.gateways)
        offset = self.gateways.get(source) if is_gateway else lock_offset(source)
        if offset is None or is_byte_locked(f"{self.config.database}.lock", offset):
            self._free_since.pop(source, None)
            return None
        return time.monotonic() - self._free_since.setdefault(source, time.monotonic())

    def fault(self) -> str:
        """Why ingest does not do its work now, '' where it does."""
        heartbeats, free = self.heartbeats(), {one.name for one in self.unread()}
        if not self.sources:
            return "" if any(one.is_alive for one in heartbeats) else "ingest does not run"
        for name in self.sources:
            if name in free or find_alive(heartbeats, name) is None:
                return f"ingest does not read {name}"
        return ""
