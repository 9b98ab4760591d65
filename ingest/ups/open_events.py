"""The open events of one UPS, and a record of what changed in them. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from ingest.ups.records import CLOSED, OPENED, UPDATED, Event, EventChange, EventFigures

# These begin with the first poll that shows them, all others with the second one in a row.
IMMEDIATE = frozenset(("ONBATT", "LOWBATT", "FSD", "COMMBAD"))


class _Sighting(NamedTuple):
    """An event that was seen once: when, whether its beginning was observed, and with which figures."""

    at: float
    complete: bool
    figures: EventFigures


class OpenEvents(dict[str, Event]):
    """Event name -> the Event that is open. Times are unix seconds."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        super().__init__((event.event, event) for event in events)
        self._changes: list[EventChange] = []
        self._first_seen: dict[str, _Sighting] = {}

    def open(
        self,
        name: str,
        at: float,
        detail: str = "",
        figures: EventFigures | None = None,
        complete: bool = True,
    ) -> Event:
        """Begin an event. `complete` False: its beginning was not observed."""
        figures = {} if figures is None else figures
        event = self[name] = Event(name, at, detail=detail, figures=figures, complete=complete)
        self._changes.append(EventChange(OPENED, event))
        return event

    def close(self, name: str, at: float) -> None:
        """End an event; nothing where it is not open."""
        if name in self:
            event = self.pop(name)
            event.ended = max(at, event.started)
            self._changes.append(EventChange(CLOSED, event))

    def observe(
        self,
        name: str,
        active: bool,
        at: float,
        contiguous: bool,
        detail: str = "",
        figures: EventFigures | None = None,
    ) -> None:
        """Take what a poll shows of an event: open it, give it its present detail and figures, or close it.

        It opens at the second of two polls in a row, from the first one on; those of IMMEDIATE at the first.
        `contiguous`: no poll was missed since the one before.
        """
        if not active:
            self._first_seen.pop(name, None)
            self.close(name, at)
        elif name in self:
            self.describe(name, detail, figures)
        else:
            first = self._first_seen.pop(name, None) if contiguous else None
            if first is not None or name in IMMEDIATE:
                started, complete, _ = first or (at, contiguous, {})
                self.open(name, started, detail, figures, complete)
            else:
                self._first_seen[name] = _Sighting(at, contiguous, figures or {})

    def confirm(self, names: Iterable[str]) -> None:
        """Open those of these events that were seen once: polls in between, not handed on, showed them
        too."""
        for name in names:
            if name in self._first_seen:
                started, complete, figures = self._first_seen.pop(name)
                self.open(name, started, figures=figures, complete=complete)

    def figures_of(self, name: str) -> EventFigures:
        """The figures of an event that is open, or was seen once; {} for another."""
        if name in self:
            return self[name].figures
        return self._first_seen[name].figures if name in self._first_seen else {}

    def describe(
        self,
        name: str,
        detail: str,
        figures: EventFigures | None = None,
    ) -> None:
        """Bring the detail and figures of an open event in line with the present; '' leaves the detail."""
        event = self[name]
        if (detail and detail != event.detail) or not (figures or {}).items() <= event.figures.items():
            event.detail = detail or event.detail
            event.figures |= figures or {}
            self.mark_updated(event)

    def rename(self, name: str, new: str) -> None:
        """Make an open event one of another kind, for which it was mistaken."""
        event = self.pop(name)
        event.event = new
        self[new] = event
        self.mark_updated(event)

    def mark_updated(self, event: Event) -> None:
        """Record that the detail or figures of an event changed."""
        self._changes.append(EventChange(UPDATED, event))

    def mark_incomplete(self, event: Event) -> None:
        """Record that a part of an event was not observed."""
        event.complete = False
        self.mark_updated(event)

    def withdraw(self, event: Event) -> None:
        """Remove an event that was none."""
        self.pop(event.event, None)
        event.withdrawn = True
        self.mark_updated(event)

    def take_changes(self) -> list[EventChange]:
        """Return what changed since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes
