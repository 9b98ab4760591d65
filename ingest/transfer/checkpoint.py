"""The table `imports`: how far each file has been read, so that nothing comes twice, and what became of its rows."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field

from ingest.db import changes
from ingest.db.connection import transaction
from ingest.db.reserved_ids import NUMBERED
from ingest.db.rowid_search import ends as ends_of
from ingest.db.time import format_utc

COLUMNS = (
    "id, kind, stream, target, position, mark, last_at, after_at, rows, stored, skipped, numbers, first_id, next_id, last_id, "
    "finished_at"
)


@dataclass
class Entry:
    """One row. `position` and `mark` belong to the last row that was read; ids from `next_id` to `last_id` are still free."""

    id: int
    kind: str
    stream: str
    target: str
    position: int = 0
    mark: str = ""
    last_at: str | None = None
    after_at: str | None = None
    rows: int = 0
    stored: int = 0
    skipped: Counter = field(default_factory=Counter)
    numbers: str = "messages"
    first_id: int | None = None
    next_id: int | None = None
    last_id: int | None = None
    finished_at: str | None = None

    @property
    def is_full(self):
        """True when there may be no id left for one more row."""
        return self.rows > self.last_id - self.first_id


def find_entry(connection, kind, stream, target):
    """The entry that the stream goes on from: the latest one that its file still proves; None for a new file."""
    rows = connection.execute(
        f"select {COLUMNS} from imports where kind = ? and stream = ? and target = ? "
        "order by coalesce(last_at, '') desc, position desc, id desc",
        (kind, stream.name, target),
    ).fetchall()
    for row in rows:
        entry = Entry(*row)
        if entry.position and stream.proves(entry.position, entry.mark, entry.last_at):
            entry.skipped = Counter(json.loads(entry.skipped))
            return entry
    return None


def open_entry(connection, kind, stream, target, file, after=None):
    """A new entry, inside the open transaction; `after` is the finished one of the same file, which has grown since."""
    # One that was made and killed before its first row is of no use to anybody.
    connection.execute(
        "delete from imports where kind = ? and stream = ? and target = ? and position = 0 and file = ?",
        (kind, stream.name, target, file),
    )
    number = connection.execute(
        "insert into imports (kind, stream, target, file, started_at) values (?, ?, ?, ?, ?)",
        (kind, stream.name, target, file, format_utc(time.time())),
    ).lastrowid
    entry = Entry(number, kind, stream.name, target)
    if after is not None:
        entry.position, entry.mark, entry.last_at = after.position, after.mark, after.last_at
        entry.after_at = after.last_at
    return entry


def save_entry(connection, entry):
    """Write the entry inside the open transaction, with the rows that it tells of."""
    connection.execute(
        "update imports set position = ?, mark = ?, last_at = ?, after_at = ?, rows = ?, stored = ?, skipped = ?, "
        "numbers = ?, first_id = ?, next_id = ?, last_id = ?, finished_at = ? where id = ?",
        (
            entry.position,
            entry.mark,
            entry.last_at,
            entry.after_at,
            entry.rows,
            entry.stored,
            json.dumps(entry.skipped),
            entry.numbers,
            entry.first_id,
            entry.next_id,
            entry.last_id,
            entry.finished_at,
            entry.id,
        ),
    )


def reserve(connection, entry, numbers, number):
    """Hold ids for `number` rows inside the open transaction, so that they stand before all that is recorded later.

    `numbers` says of which tables. While these have no rows but imported ones, the ids begin at 1 or go on, and ingest
    counts on behind them. In a used file they end below all that ever were in use, below zero if need be: what is
    imported is older, and the highest id stays the last word.
    """
    ends = [ends_of(connection, table) for table in NUMBERED[numbers]]
    lows, highs = ([end for end in some if end is not None] for some in zip(*ends))
    low, high = connection.execute(
        "select min(first_id), max(last_id) from imports where numbers = ? and last_id is not null",
        (numbers,),
    ).fetchone()
    if max(highs, default=0) <= (high or 0):
        first = max(0, high or 0) + 1
    else:
        first = min(1, *lows, 1 if low is None else low) - number
    entry.numbers, entry.first_id, entry.next_id, entry.last_id = numbers, first, first, first + number - 1


def finish(connection, entry):
    """The file has been read, or there are no ids left: those that were not needed are free again."""
    with transaction(connection):
        entry.finished_at = format_utc(time.time())
        entry.last_id = entry.next_id - 1
        if entry.last_id < entry.first_id:
            entry.first_id = entry.next_id = entry.last_id = None
        save_entry(connection, entry)


def raise_topics(connection, topics):
    """Tell whoever looks that these topics changed, inside the open transaction; `imports` always has."""
    changes.raise_topics(connection, {"imports", *topics})
