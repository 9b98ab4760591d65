"""The table `imports`: how far each file has been read, so that nothing comes twice, and what became of its rows."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field

from ingest.database import transaction, utc
from ingest.writer import RAISE

COLUMNS = "id, kind, stream, target, position, mark, last_at, rows, stored, skipped, first_id, next_id, last_id, own, finished_at"


@dataclass
class Entry:
    """One row. `position` and `mark` belong to the last row that is stored; `own` is what Voltkeeper measured itself."""

    id: int
    kind: str
    stream: str
    target: str
    position: int = 0
    mark: str = ""
    last_at: str | None = None
    rows: int = 0
    stored: int = 0
    skipped: Counter = field(default_factory=Counter)
    first_id: int | None = None
    next_id: int | None = None
    last_id: int | None = None
    own: dict = field(default_factory=dict)
    finished_at: str | None = None


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
            entry.skipped, entry.own = Counter(json.loads(entry.skipped)), json.loads(entry.own)
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
        (kind, stream.name, target, file, utc(time.time())),
    ).lastrowid
    entry = Entry(number, kind, stream.name, target)
    if after is not None:
        entry.position, entry.mark, entry.last_at = after.position, after.mark, after.last_at
    return entry


def save_entry(connection, entry):
    """Write the entry inside the open transaction, with the rows that it tells of."""
    connection.execute(
        "update imports set position = ?, mark = ?, last_at = ?, rows = ?, stored = ?, skipped = ?, first_id = ?, "
        "next_id = ?, last_id = ?, own = ?, finished_at = ? where id = ?",
        (
            entry.position, entry.mark, entry.last_at, entry.rows, entry.stored, json.dumps(entry.skipped),
            entry.first_id, entry.next_id, entry.last_id, json.dumps(entry.own), entry.finished_at, entry.id,
        ),
    )  # fmt: skip


def holds(entry, number):
    """True where the entry has ids left for `number` rows, or needs none."""
    return entry.last_id is None or number <= entry.last_id - entry.next_id + 1


def reserve_messages(connection, entry, number):
    """Hold ids for `number` messages inside the open transaction, so that they stand before all that is heard later.

    In a file without messages they begin at 1, and ingest counts on behind them. In a used one they end where its
    messages begin, below zero if need be: what is imported is older, and the highest id stays the last word.
    """
    low, high = connection.execute("select min(id), max(id) from messages").fetchone()
    held = connection.execute("select min(first_id), max(last_id) from imports where last_id is not null").fetchone()
    if high is None or (held[1] is not None and high <= held[1]):
        first = max(high or 0, held[1] or 0) + 1
    else:
        first = min(low, held[0] if held[0] is not None else low) - number
    entry.first_id = entry.next_id = first
    entry.last_id = first + number - 1


def finish(connection, entry):
    """The whole file has been read."""
    with transaction(connection):
        entry.finished_at = utc(time.time())
        save_entry(connection, entry)


def raise_topics(connection, topics):
    """Tell whoever looks that these topics changed, inside the open transaction; `imports` always has."""
    now = utc(time.time())
    connection.executemany(RAISE, [(topic, now) for topic in sorted({"imports", *topics})])
