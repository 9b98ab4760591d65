"""The open events of one UPS, and a record of what changed in them. Pure."""

from collections.abc import Iterable
from typing import Any

from ingest.ups.records import CLOSED, OPENED, UPDATED, Event, EventChange


class OpenEvents(dict[str, Event]):
    """Event name -> the Event that is open. Times are unix seconds."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        super().__init__((event.event, event) for event in events)
        self._changes: list[EventChange] = []

    def open(
        self,
        name: str,
        at: float,
        detail: str = "",
        figures: dict[str, Any] | None = None,  # Any: it is the JSON of events.figures
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

    def set(
        self,
        name: str,
        active: bool,
        at: float,
        complete: bool,
        detail: str = "",
        figures: dict[str, Any] | None = None,  # Any: it is the JSON of events.figures
    ) -> None:
        """Open an event that is active and not open yet; close one that is not active."""
        if active == (name in self):
            return
        if active:
            self.open(name, at, detail, figures, complete)
        else:
            self.close(name, at)

    def mark_updated(self, event: Event) -> None:
        """Record that the detail or figures of an event changed."""
        self._changes.append(EventChange(UPDATED, event))

    def mark_incomplete(self, event: Event) -> None:
        """Record that a part of an event was not observed."""
        event.complete = False
        self.mark_updated(event)

    def take_changes(self) -> list[EventChange]:
        """Return what changed since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes
