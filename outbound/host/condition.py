"""A condition of the machine that stands now, and what follows from those that stand. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ingest.severity import event_severity
from outbound.alerts.model import AlertEvent

NO_FIGURES: Mapping[str, object] = MappingProxyType({})
Key = tuple[str, str]  # the event, and which of its kind


@dataclass(frozen=True)
class HostCondition:
    """What is wrong now: the event that it opens, `which` of its kind, and why as text for people.

    `name` is what it is about; `since` is unix seconds, None for now; `gateway` is `gateways.id`.
    `is_moment`: it is over as it is seen. `is_steady`: a new text alone changes nothing.
    """

    event: str
    which: str = ""
    detail: str = ""
    name: str = ""
    since: float | None = None
    gateway: int | None = None
    is_moment: bool = False
    is_steady: bool = False
    figures: Mapping[str, object] = field(default_factory=lambda: NO_FIGURES)

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.event, self.which

    def as_event(self, now: float, ended: float | None = None) -> AlertEvent:
        """The event for a database that cannot be written. Times are unix seconds."""
        began = now if self.since is None else self.since
        return AlertEvent(
            None,
            self.event,
            event_severity(self.event),
            "machine",
            self.name,
            self.name,
            began,
            ended,
            self.detail,
            dict(self.figures),
            "/-/maintenance",
        )


@dataclass(frozen=True)
class HostChanges:
    """What is to be stored: conditions that began or whose text is another one, and keys that ended."""

    begun: tuple[HostCondition, ...] = ()
    updated: tuple[HostCondition, ...] = ()
    ended: tuple[Key, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.begun or self.updated or self.ended)


def find_changes(
    standing: Iterable[HostCondition], open_details: Mapping[Key, str], looked_at: Iterable[str]
) -> HostChanges:
    """What the conditions that stand change of the events that are open, by key with their details.

    `looked_at` are the events of which is known what stands: the others stay as they are.
    """
    by_key, known = {one.key: one for one in standing}, set(looked_at)
    return HostChanges(
        tuple(one for key, one in by_key.items() if key not in open_details),
        tuple(
            one
            for key, one in by_key.items()
            if not one.is_steady and open_details.get(key, one.detail) != one.detail
        ),
        tuple(key for key in open_details if key not in by_key and key[0] in known),
    )
