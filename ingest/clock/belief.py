"""Whether the wall clock is believed: it is compared with the last time that was, the row of `clock_state`.

The witness is that row alone, never the newest time of some table: rows that a wrong clock stamped lie
there, too. While the clock is suspect, nothing may be deleted, rolled up, expired or scheduled by it.
"""

import sqlite3
from dataclasses import dataclass

from ingest.clock.reading import SYSTEM_CLOCK, Clock, ClockReading
from ingest.db.changes import raise_topics
from ingest.db.connection import transaction
from ingest.db.durations import format_duration
from ingest.db.time import format_utc, parse_utc
from ingest.errors import VoltkeeperError

NTP = "NTP"
DAY_S = 86_400.0
AHEAD_S = 35 * DAY_S  # after a boot: longer than a machine without a clock of its own was ever off, usually
BEHIND_S = DAY_S  # after a boot: a Pi goes on with the time of its last shutdown, or of the hour before
STEP_S = 3600.0  # within a boot the time is known; a wall clock further from it was set
REMEDY = (
    "nothing is deleted, rolled up, expired or scheduled by it until NTP sets it, or a user confirms it: on "
    "/-/maintenance, or with `voltkeeper repair clock --clock-is-right`"
)


class ClockSuspectError(VoltkeeperError):
    """Something was to be done by a wall clock that is not believed; the message says why it is not."""


@dataclass(frozen=True)
class Witness:
    """The last time that was believed: the row of `clock_state`. `wall` is unix seconds."""

    boot_id: str
    boottime: float
    wall: float
    confirmed_by: str  # NTP, the name of a user, or '' where nothing contradicted it
    suspect: str = ""  # why the clock was suspect when it was last looked at


@dataclass(frozen=True)
class Belief:
    """What follows from a reading and the witness. `suspect` says why the clock is not believed, else ''.

    `witness` is the one to keep from now on; None: the clock is behind the old one, which stays. `correction`
    is what the clock lacks to the right time in seconds, None where that is not known.
    """

    suspect: str
    witness: Witness | None = None
    correction: float | None = 0.0

    @property
    def is_believed(self) -> bool:
        """Whether one may act by the clock."""
        return not self.suspect


def assess_clock(reading: ClockReading, witness: Witness | None) -> Belief:
    """Decide whether the wall clock of a reading is believed. Pure."""
    if reading.synchronized:
        return Belief("", _witness_of(reading, NTP))
    if witness is None:
        return Belief("", _witness_of(reading, ""))
    if reading.boot_id and reading.boot_id == witness.boot_id:
        expected = witness.wall + reading.boottime - witness.boottime
        off = reading.wall - expected
        if abs(off) > STEP_S:
            text = _describe(reading, off, "the time that CLOCK_BOOTTIME gives", expected)
            return Belief(text, correction=-off)
        # What is not confirmed moves nothing: many small steps would add up.
        return Belief("", Witness(reading.boot_id, reading.boottime, expected, witness.confirmed_by))
    off = reading.wall - witness.wall
    if not -BEHIND_S <= off <= AHEAD_S:
        text = _describe(reading, off, "the last time that was believed", witness.wall)
        return Belief(text, correction=None)
    return Belief("", _witness_of(reading, "") if off >= 0 else None)


def _witness_of(reading: ClockReading, confirmed_by: str) -> Witness:
    return Witness(reading.boot_id, reading.boottime, reading.wall, confirmed_by)


def _describe(reading: ClockReading, off: float, basis: str, right: float) -> str:
    where = f"{format_duration(abs(off))} {'ahead of' if off > 0 else 'behind'} {basis}"
    return f"the clock says {_minute(reading.wall)}, {where}, {_minute(right)}: {REMEDY}"


def _minute(at: float) -> str:
    return f"{format_utc(at)[:16].replace('T', ' ')} UTC"


def read_witness(connection: sqlite3.Connection) -> Witness | None:
    """Return the row of `clock_state`, or None in a file that has none yet."""
    row = connection.execute(
        "select boot_id, boottime_s, wall_at, confirmed_by, suspect from clock_state"
    ).fetchone()
    return None if row is None else Witness(row[0], row[1], parse_utc(row[2]), row[3], row[4])


def save_witness(connection: sqlite3.Connection, witness: Witness) -> None:
    """Make this the witness, inside a transaction."""
    connection.execute(
        "insert into clock_state (id, boot_id, boottime_s, wall_at, confirmed_by, suspect) "
        "values (1, ?, ?, ?, ?, '') on conflict (id) do update set boot_id = excluded.boot_id, "
        "boottime_s = excluded.boottime_s, wall_at = excluded.wall_at, "
        "confirmed_by = excluded.confirmed_by, suspect = ''",
        (witness.boot_id, witness.boottime, format_utc(witness.wall), witness.confirmed_by),
    )


def save_suspicion(connection: sqlite3.Connection, suspect: str) -> None:
    """Store why the clock is suspect, or '' that it no longer is, inside a transaction."""
    connection.execute("update clock_state set suspect = ?", (suspect,))
    raise_topics(connection, ("clock_state",))


def read_belief(connection: sqlite3.Connection, clock: Clock = SYSTEM_CLOCK) -> Belief:
    """Return whether the clock is believed now. Only reads, so any connection will do."""
    return assess_clock(clock.read(), read_witness(connection))


def clock_is_believed(connection: sqlite3.Connection, clock: Clock = SYSTEM_CLOCK) -> bool:
    """Whether one may delete, roll up, expire or schedule by the wall clock now. Only reads."""
    return read_belief(connection, clock).is_believed


def require_belief(connection: sqlite3.Connection, clock: Clock = SYSTEM_CLOCK) -> None:
    """Raise ClockSuspectError where the clock is not believed. Only reads."""
    belief = read_belief(connection, clock)
    if not belief.is_believed:
        raise ClockSuspectError(belief.suspect)


def note_belief(connection: sqlite3.Connection, clock: Clock = SYSTEM_CLOCK) -> Belief:
    """Return whether the clock is believed, and store what changed of it, in a transaction of its own."""
    witness = read_witness(connection)
    belief = assess_clock(clock.read(), witness)
    if witness is not None and bool(witness.suspect) == belief.is_believed:
        with transaction(connection):
            save_suspicion(connection, belief.suspect)
    return belief


def confirm_clock(connection: sqlite3.Connection, by: str, clock: Clock = SYSTEM_CLOCK) -> None:
    """A user says that the clock is right: it is the witness from now on. Inside a transaction."""
    save_witness(connection, _witness_of(clock.read(), by))
