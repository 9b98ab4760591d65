"""The open events of one UPS, and a record of what changed in them. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from ingest.clock.reading import NOISE_S
from ingest.ups.records import CLOSED, OPENED, UPDATED, Event, EventChange, EventFigures

# What may come and go all day. One that begins within STABLE_S of the end of the last goes on with that, so
# that it is one event with a count: a server that answers every third poll, a transformer that hunts.
RECURRING = frozenset(("COMMBAD", "TRIM", "BOOST", "BYPASS"))
STABLE_S = 60.0
PLACE = "where"  # a figure of COMMBAD: a driver that dies after the server was away is another event
CORRECTED = "clock_corrected_s"  # a figure: by how much the start moved with the clock
# These begin with the first poll that shows them, all others with the second one in a row.
IMMEDIATE = frozenset(("ONBATT", "LOWBATT", "FSD", "COMMBAD"))


class _Sighting(NamedTuple):
    """An event that was seen once: when, whether its beginning was observed, and with which figures."""

    at: float
    complete: bool
    figures: EventFigures


class OpenEvents(dict[str, Event]):
    """Event name -> the Event that is open. Times are unix seconds.

    `boot_id` is the present boot; '' for a past that is made up, in which no clock is set.
    """

    def __init__(self, events: Iterable[Event] = (), boot_id: str = "") -> None:
        super().__init__((event.event, event) for event in events)
        self._boot_id = boot_id
        self._offset: float | None = None  # of the wall clock, see `ClockReading`
        self._changes: list[EventChange] = []
        self._first_seen: dict[str, _Sighting] = {}
        self._ended: dict[str, Event] = {}  # the last of each kind of RECURRING

    def follow_clock(self, offset: float) -> float:
        """Take the present offset of the wall clock; return by how much it was set since the last call.

        The clock may have been set while this boot saw no poll, too: what an event lasts is measured by
        CLOCK_BOOTTIME, so that its start moves with the clock.
        """
        for event in self.values():
            if self._boot_id and event.boot_id == self._boot_id:
                self._correct(event, offset + event.boottime - event.started)
        moved = 0.0 if self._offset is None else offset - self._offset
        if self._offset is not None and abs(moved) <= NOISE_S:
            return 0.0
        self._offset = offset
        self._first_seen = {
            name: seen._replace(at=seen.at + moved) for name, seen in self._first_seen.items()
        }
        return moved

    def _correct(self, event: Event, moved: float) -> None:
        if abs(moved) > NOISE_S:
            event.started += moved
            event.figures[CORRECTED] = round(event.figures.get(CORRECTED, 0.0) + moved, 3)
            self.mark_updated(event)

    def open(
        self,
        name: str,
        at: float,
        detail: str = "",
        figures: EventFigures | None = None,
        complete: bool = True,
    ) -> Event:
        """Begin an event, or have the last one go on. `complete` False: its beginning was not observed."""
        figures = {} if figures is None else figures
        last = self._ended.pop(name, None)
        if last is not None and _goes_on(last, at, figures):
            return self._reopen(last, detail, figures)
        event = self[name] = Event(name, at, detail=detail, figures=figures, complete=complete)
        if self._boot_id and self._offset is not None:
            event.boot_id, event.boottime = self._boot_id, at - self._offset
        self._changes.append(EventChange(OPENED, event))
        return event

    def close(self, name: str, at: float) -> None:
        """End an event; nothing where it is not open."""
        if name in self:
            event = self.pop(name)
            event.ended = max(at, event.started)
            self._changes.append(EventChange(CLOSED, event))
            if name in RECURRING:
                self._ended[name] = event

    def _reopen(self, event: Event, detail: str, figures: EventFigures) -> Event:
        self[event.event] = event
        event.ended, event.detail = None, detail or event.detail
        event.figures = figures | event.figures | {"count": event.figures.get("count", 1) + 1}
        self.mark_updated(event)
        return event

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


def _goes_on(last: Event, at: float, figures: EventFigures) -> bool:
    """Whether what begins now is the event that has just ended."""
    is_soon = last.ended is not None and 0 <= at - last.ended < STABLE_S
    return is_soon and last.figures.get(PLACE) == figures.get(PLACE)
