"""The table `imports`: how far each file has been read, and the outcome of its rows."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from sqlite3 import Connection

from ingest.db import changes
from ingest.db.connection import dict_rows, transaction
from ingest.db.reserved_ids import NUMBERED
from ingest.db.rowid_search import ends
from ingest.db.time import format_utc
from ingest.transfer.streams import ImportStream


@dataclass
class Checkpoint:
    """One row. `position` and `mark` belong to the last row that was read.

    The ids from `first_id` to `last_id` are reserved, those from `next_id` on still free.
    """

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
    skipped: Counter[str] = field(default_factory=Counter)
    numbers: str = "messages"
    first_id: int | None = None
    next_id: int | None = None
    last_id: int | None = None
    finished_at: str | None = None

    @property
    def is_full(self) -> bool:
        """True when there may be no id left for one more row."""
        assert self.first_id is not None
        assert self.last_id is not None
        return self.rows > self.last_id - self.first_id

    def take_ids(self, number: int) -> range:
        """The next ids, so many of them."""
        assert self.next_id is not None
        ids = range(self.next_id, self.next_id + number)
        self.next_id = ids.stop
        return ids


COLUMNS = [column.name for column in fields(Checkpoint)]
SAVE = f"update imports set {', '.join(f'{name} = :{name}' for name in COLUMNS)} where id = :id"


def find_checkpoint(
    connection: Connection, kind: str, stream: ImportStream, target: str
) -> Checkpoint | None:
    """Where the stream goes on: the latest checkpoint that its file still proves; None for a new file."""
    rows = dict_rows(
        connection,
        f"select {', '.join(COLUMNS)} from imports where kind = ? and stream = ? and target = ? "
        "and position order by coalesce(last_at, '') desc, position desc, id desc",
        (kind, stream.name, target),
    )
    for row in rows:
        if stream.proves(row["position"], row["mark"], row["last_at"]):
            return Checkpoint(**{**row, "skipped": Counter(json.loads(row["skipped"]))})
    return None


def open_checkpoint(
    connection: Connection,
    kind: str,
    stream: ImportStream,
    target: str,
    file: str,
    after: Checkpoint | None = None,
) -> Checkpoint:
    """A new checkpoint, inside the open transaction.

    `after`: the finished one of the same file, which has grown.
    """
    # One whose import was killed before its first row proves nothing.
    connection.execute(
        "delete from imports where kind = ? and stream = ? and target = ? and position = 0 and file = ?",
        (kind, stream.name, target, file),
    )
    number = connection.execute(
        "insert into imports (kind, stream, target, file, started_at) values (?, ?, ?, ?, ?)",
        (kind, stream.name, target, file, format_utc(time.time())),
    ).lastrowid
    assert number is not None
    before = after or Checkpoint(0, kind, stream.name, target)
    return Checkpoint(
        number, kind, stream.name, target, before.position, before.mark, before.last_at, before.last_at
    )


def save_checkpoint(connection: Connection, checkpoint: Checkpoint) -> None:
    """Write it inside the open transaction, with the rows that it covers."""
    connection.execute(SAVE, {**vars(checkpoint), "skipped": json.dumps(checkpoint.skipped)})


def reserve_ids(connection: Connection, checkpoint: Checkpoint, numbers: str, number: int) -> None:
    """Reserve ids for `number` rows inside the open transaction, below all that is recorded later.

    `numbers` names the group of tables. While these have no rows but imported ones, the ids begin at 1 or
    go on, and ingest counts on behind them. In a used file they end below all that ever were in use, below
    zero if need be: what is imported is older, and the highest id stays the latest row.
    """
    used = [id for table in NUMBERED[numbers] for id in ends(connection, table) if id is not None]
    low, high = connection.execute(
        "select min(first_id), max(last_id) from imports where numbers = ? and last_id is not null",
        (numbers,),
    ).fetchone()
    if max(used, default=0) <= (high or 0):
        first = max(0, high or 0) + 1
    else:
        first = min(1, *used, 1 if low is None else low) - number
    checkpoint.numbers = numbers
    checkpoint.first_id, checkpoint.next_id, checkpoint.last_id = first, first, first + number - 1


def finish_checkpoint(connection: Connection, checkpoint: Checkpoint) -> None:
    """The file has been read, or there are no ids left: those that were not needed are free again."""
    with transaction(connection):
        checkpoint.finished_at = format_utc(time.time())
        if checkpoint.next_id is not None and checkpoint.next_id != checkpoint.first_id:
            checkpoint.last_id = checkpoint.next_id - 1
        else:
            checkpoint.first_id = checkpoint.next_id = checkpoint.last_id = None
        save_checkpoint(connection, checkpoint)


def raise_topics(connection: Connection, topics: Iterable[str] = ()) -> None:
    """Raise these topics of `changes`, and `imports`, inside the open transaction."""
    changes.raise_topics(connection, {"imports", *topics})
