"""Rows of `events` of UPSes about the past: their ids, and what is stored of them already."""

from collections import defaultdict
from collections.abc import Container, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from ingest.db.changes import raise_topics
from ingest.db.connection import transaction

RECLASSIFIED = "told_as_outage"  # a figure of a self-test, 1: the file calls it an outage
NO_END = "9"  # behind every time: the span goes on
TOGETHER = 100  # rows in a transaction
INSERT = """insert into events (id, event, ups, started_at, ended_at, complete, detail, figures)
values (?, ?, ?, ?, ?, ?, ?, ?)"""


class EventSpan(NamedTuple):
    """What makes an event unique, and its end; `ended_at` None: it goes on."""

    ups: int
    event: str
    started_at: str
    ended_at: str | None


class EventRow(NamedTuple):
    """A row that is to be stored."""

    span: EventSpan
    complete: bool
    detail: str
    figures: str  # JSON


class StoredSpans:
    """When events of each UPS and kind lasted: those with ids above `after` that are not `except_ids`."""

    def __init__(
        self, connection: Connection, after: int | None = None, except_ids: Container[int] = ()
    ) -> None:
        self._spans: defaultdict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
        where = "" if after is None else f"and id > {after}"
        for id, *row in connection.execute(
            f"select id, ups, event, started_at, ended_at from events where ups is not null {where}"
        ):
            if id not in except_ids:
                self.add(EventSpan(*row))

    def add(self, span: EventSpan) -> None:
        """It is going to be stored."""
        self._spans[span.ups, span.event].append((span.started_at, span.ended_at or NO_END))

    def add_reclassified(self, connection: Connection) -> None:
        """Add the self-tests that a file has as outages, as spans of the kind RECLASSIFIED."""
        for ups, started_at, ended_at in connection.execute(
            f"""select ups, started_at, ended_at from events
            where ups is not null and event = 'TEST' and json_extract(figures, '$.{RECLASSIFIED}')"""
        ):
            self.add(EventSpan(ups, RECLASSIFIED, started_at, ended_at))

    def overlap(self, span: EventSpan) -> bool:
        """True when one of the same kind is stored that has a moment in common with it, an end included."""
        end = span.ended_at or NO_END
        spans = self._spans.get((span.ups, span.event), ())
        return any(start <= end and ended >= span.started_at for start, ended in spans)


def newest_event(connection: Connection) -> int:
    """The highest id of `events`, 0 where there is none."""
    row: tuple[int] = connection.execute("select coalesce(max(id), 0) from events").fetchone()
    return row[0]


def insert_events(connection: Connection, new: Sequence[EventRow]) -> None:
    """Insert events, in order of time, inside the open transaction."""
    if new:
        _insert(connection, new, _belongs_below(connection, new[0]))


def insert_in_batches(connection: Connection, new: Sequence[EventRow]) -> int:
    """Insert events, in order of time, in short transactions of their own; returns how many were inserted.

    What a reader has seen meanwhile is left out. Rows that go below all others are inserted from the newest
    one on, so that after a kill those that are left go below these.
    """
    if not new:
        return 0
    newest, inserted = newest_event(connection), 0
    below = _belongs_below(connection, new[0])
    batches = [new[start : start + TOGETHER] for start in range(0, len(new), TOGETHER)]
    own: set[int] = set()
    for batch in reversed(batches) if below else batches:
        with transaction(connection):
            late = StoredSpans(connection, newest, own)
            rows = [row for row in batch if not late.overlap(row.span)]
            own |= _insert(connection, rows, below)
            raise_topics(connection, {"events", "imports", "ups"})
        inserted += len(rows)
    return inserted


def _belongs_below(connection: Connection, first: EventRow) -> bool:
    """Whether events from this one on belong below all that are stored: not all of those are older."""
    found = connection.execute(
        "select 1 from events where started_at >= ? or ended_at is null limit 1", (first.span.started_at,)
    ).fetchone()
    return found is not None


def _insert(connection: Connection, rows: Sequence[EventRow], below: bool) -> set[int]:
    """Insert rows below, or above, all others; returns their ids."""
    low, high = connection.execute("select coalesce(min(id), 1), coalesce(max(id), 0) from events").fetchone()
    first = min(1, low) - len(rows) if below else high + 1
    connection.executemany(INSERT, [(number, *_values(row)) for number, row in enumerate(rows, first)])
    return set(range(first, first + len(rows)))


def _values(row: EventRow) -> tuple[object, ...]:
    span = row.span
    return (
        span.event,
        span.ups,
        span.started_at,
        span.ended_at,
        int(row.complete),
        row.detail,
        row.figures,
    )
