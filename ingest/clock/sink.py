"""Sink of the writer that follows the clock: the last believed time, and each step of the wall clock.

It comes last among the sinks: the rows of a commit are in the file when it writes which ids they have.
"""

import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ingest.clock import stretches
from ingest.clock.belief import assess_clock, read_witness, save_suspicion, save_witness
from ingest.clock.reading import NOISE_S, SYSTEM_CLOCK, Clock, ClockReading
from ingest.clock.stretches import Ids, confirmation
from ingest.db.time import format_utc, parse_utc

log = logging.getLogger(__name__)

CLOCK_STEP_S = 5.0  # a wall clock that moves by more against CLOCK_BOOTTIME was set
WITNESS_S = 60.0  # between two notes of the time, which go with the commits of other rows ...
OWN_COMMIT_S = 600.0  # ... or with one of their own
INSERT_STEP = """insert into events (event, started_at, ended_at, detail, figures)
values ('CLOCK_STEP', ?1, ?1, ?2, ?3)"""
# Events that others open: their start is by the present clock, else they were corrected as they were opened.
NO_MACHINE = "(ups is null or event = 'VALUE')"  # an event that no event machine of a UPS keeps
SELECT_NEW = f"""select id, started_at from events where id > ? and ended_at is null and {NO_MACHINE}
and boot_id is null"""
SELECT_OPEN = f"""select id, started_at, boottime_s from events where ended_at is null and {NO_MACHINE}
and boot_id = ?"""
MOVE = """update events set started_at = ?, figures = json_set(figures, '$.clock_corrected_s',
round(coalesce(json_extract(figures, '$.clock_corrected_s'), 0) + ?, 3)) where id = ?"""


class ClockStep(NamedTuple):
    """The wall clock was set by `seconds`: the first reading since, the newest ids of the commit before."""

    seconds: float
    after: ClockReading
    confirmed_by: str | None  # of the stretch that it begins
    before_ids: Ids
    detail: str


class Written(NamedTuple):
    """What a transaction wrote: the stretch that goes on, the newest event, whether the time was noted."""

    stretch: int | None
    event: int
    is_noted: bool


class ClockSink:
    """Notes the last believed time, steps of the clock and its stretches; moves the open events with it.

    Events of UPSes move in their event machines, with the polls.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._step: ClockStep | None = None  # to be written with the items of this commit
        self._reading = reading = clock.read()
        clock.stamp_by(reading)
        self._witness = read_witness(connection)
        self._belief = assess_clock(reading, self._witness)
        self._offset = reading.offset
        self._stretch: int | None = None  # the one that goes on
        present = stretches.read_present_stretch(connection)
        if present is not None and present.boot_id == reading.boot_id:
            self._stretch, self._offset = present.id, present.offset
        self._first_ids = stretches.newest_ids(connection)  # what was there before
        self._committed_ids = self._newest_ids = self._first_ids  # of the last commit, and of the open one
        self._event = self._first_ids["events"]  # the newest one
        self._written: float | None = None  # CLOCK_BOOTTIME of the last note
        self._noted: tuple[bool, str | None] | None = None  # what was noted: believed, confirmed by
        self._written_now: Written | None = None  # in the open transaction
        self.is_urgent = False  # whether a step was seen that is not written

    @property
    def is_believed(self) -> bool:
        """Whether the clock was believed at the last look; of any thread."""
        return self._belief.is_believed

    def correction(self) -> float | None:
        """What the clock lacked to the right time at the last look, in seconds; None where not known."""
        return self._belief.correction

    def absorb(self, item: object) -> None:
        """Do nothing: the clocks are looked at, nothing is handed in."""

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Look at the clocks; True where something is to be written now."""
        if changed:
            self._witness = read_witness(connection)
            self._committed_ids = stretches.newest_ids(connection)
        reading = self._clock.read()
        self.is_urgent = self._is_step(reading)
        if self.is_urgent:
            return True  # followed by the commit that is due now
        self._take(reading)
        return self._is_due(OWN_COMMIT_S)

    def follow(self, then: Callable[[], object] = lambda: None) -> None:
        """Read the clock before the items of a commit are taken, and stamp what comes later by it.

        So the items of a commit, those that are handed in when `then()` is called, bear the time of the clock
        of before, and a step of the clock that was taken back before it was seen touches none.
        """
        reading = self._clock.read()
        self._take(reading, then)
        self._step = self._step_of(reading.offset - self._offset) if self._is_step(reading) else None

    def _is_step(self, reading: ClockReading) -> bool:
        return abs(reading.offset - self._offset) > CLOCK_STEP_S

    def _take(self, reading: ClockReading, then: Callable[[], object] = lambda: None) -> None:
        before, self._belief = self._belief, assess_clock(reading, self._witness)
        self._reading = reading
        self._clock.stamp_by(reading, then)
        if before.is_believed != self._belief.is_believed:
            level = logging.INFO if self._belief.is_believed else logging.ERROR
            log.log(level, "%s", self._belief.suspect or "the clock is believed again")

    def _step_of(self, moved: float) -> ClockStep:
        detail = f"the clock was set {'forward' if moved > 0 else 'back'} by {abs(moved):.1f} s"
        if self._written is None:
            detail += " while ingest did not run"
        log.warning("%s", detail)
        return ClockStep(moved, self._reading, confirmation(self._belief), self._committed_ids, detail)

    def _is_due(self, interval_s: float) -> bool:
        if self._written is None or self._noted != self._state():
            return True
        return self._reading.boottime - self._written >= interval_s

    def _state(self) -> tuple[bool, str | None]:
        return self.is_believed, confirmation(self._belief)

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write the step that was followed, and the time where it is due.

        A row that bears the time of a clock is never in the file before its stretch, else retention could
        take it for an old one.
        """
        self._stamp_new_events(connection)
        stretch = self._stretch if self._step is None else self._write_step(connection, self._step)
        newest = connection.execute("select coalesce(max(id), 0) from events").fetchone()[0]
        is_noted = self._step is not None or self._is_due(WITNESS_S)
        if is_noted:
            stretch = self._note(connection, stretch)
        self._written_now = Written(stretch, newest, is_noted)
        self._newest_ids = stretches.newest_ids(connection)
        return ({"clock_state"} if is_noted else set()) | ({"events"} if self._step else set())

    def _stamp_new_events(self, connection: sqlite3.Connection) -> None:
        """Give the events that were opened since the last commit the CLOCK_BOOTTIME of their start."""
        for id, started_at in connection.execute(SELECT_NEW, (self._event,)).fetchall():
            connection.execute(
                "update events set boot_id = ?, boottime_s = ? where id = ?",
                (self._reading.boot_id, round(parse_utc(started_at) - self._offset, 3), id),
            )

    @staticmethod
    def _write_step(connection: sqlite3.Connection, step: ClockStep) -> int:
        at, before_at = (format_utc(step.after.wall - since) for since in (0.0, step.seconds))
        figures = json.dumps({"seconds": round(step.seconds, 3), "before_at": before_at})
        stretches.end_stretches(connection, stretches.newest_ids(connection), before_at)
        connection.execute(INSERT_STEP, (at, step.detail, figures))
        for id, started_at, boottime in connection.execute(SELECT_OPEN, (step.after.boot_id,)).fetchall():
            started = boottime + step.after.offset
            moved = started - parse_utc(started_at)
            if abs(moved) > NOISE_S:
                connection.execute(MOVE, (format_utc(started), round(moved, 3), id))
        return stretches.begin_stretch(connection, step.after, step.confirmed_by, step.before_ids)

    def _note(self, connection: sqlite3.Connection, stretch: int | None) -> int:
        reading, belief = self._reading, self._belief
        if belief.witness is not None:
            save_witness(connection, belief.witness)
        if self._witness is None or bool(self._witness.suspect) == belief.is_believed:
            save_suspicion(connection, belief.suspect)
        if stretch is None:
            stretches.end_stretches(connection, self._first_ids)
            return stretches.begin_stretch(connection, reading, confirmation(belief), self._first_ids)
        stretches.note_stretch(connection, stretch, reading.wall, confirmation(belief))
        return stretch

    def committed(self) -> None:
        """Take over what was written."""
        if self._written_now is None:
            return
        self._stretch, self._event, is_noted = self._written_now
        self._committed_ids = self._newest_ids
        if self._step is not None:
            self._offset = self._step.after.offset
        self._step, self._written_now, self.is_urgent = None, None, False
        if is_noted:
            self._written, self._noted = self._reading.boottime, self._state()
            witness = self._belief.witness or self._witness
            self._witness = witness and replace(witness, suspect=self._belief.suspect)
