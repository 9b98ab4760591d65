"""One stream of a file into the database, in small transactions beside a running ingest, each row once.

Every transaction holds some rows of the source and how far it has come. After a kill the rows before that
point are read again for what they teach (intervals, usual values), and not stored again; so the result is
the same.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Protocol

from ingest.db.connection import transaction
from ingest.db.time import format_utc
from ingest.transfer.checkpoint import (
    Checkpoint,
    find_checkpoint,
    finish_checkpoint,
    open_checkpoint,
    raise_topics,
    save_checkpoint,
)
from ingest.transfer.records import Item, Skip
from ingest.transfer.sink import ImportSink
from ingest.transfer.streams import ImportStream


class Progress(Protocol):
    """What an import needs of a progress bar."""

    def update(self, n_steps: int, /) -> None:
        """So many more places of the file are done."""


# Called with `length` and `label`, as click.progressbar is.
ProgressBar = Callable[..., AbstractContextManager[Progress]]


@dataclass(frozen=True)
class ImportTiming:
    """`chunk` rows of the source in a transaction; after each a pause, `rest` times as long as it took."""

    chunk: int = 1000
    rest: float = 0.5


@dataclass
class Outcome:
    """What became of one part of the file."""

    what: str
    stored: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    earlier: int = 0  # rows that an import before this one has read
    verb: str = "stored"


class StreamImport:
    """The import of one stream of a source `kind` for `target`, from where an earlier one was left."""

    _checkpoint: Checkpoint
    _progress: Progress

    def __init__(
        self,
        connection: Connection,
        stream: ImportStream,
        sink: ImportSink,
        *,
        kind: str,
        target: str,
        file: str,
        timing: ImportTiming,
    ) -> None:
        self._connection, self._stream, self._sink = connection, stream, sink
        self._kind, self._target, self._file, self._timing = kind, target, file, timing
        self._known = 0  # position and time (UTC text) of the last row that was read before
        self._known_at: str | None = None
        self._outcome = Outcome(stream.name)
        self._pending = 0  # new places since the last commit
        self._reread = 0  # known places since the sink last discarded what it took
        self._latest = 0.0  # time of the newest row, unix seconds

    def run(self, bar: ProgressBar) -> Outcome:
        """Read all of the stream and store what is new of it."""
        total = self._stream.count()
        if not self._begin(total):
            return self._outcome
        with bar(length=total, label=f"{self._file}: {self._stream.name}") as self._progress:
            for position, item in self._stream.items():
                if self._stream.is_new(position, item, self._known, self._known_at):
                    self._take_new(position, item)
                else:
                    self._take_known(item)
            self._commit()
            self._discard()
        self._sink.finish(self._connection)
        finish_checkpoint(self._connection, self._checkpoint)
        return self._outcome

    def _begin(self, total: int) -> bool:
        """Find or make the checkpoint. False: nothing is new."""
        found = find_checkpoint(self._connection, self._kind, self._stream, self._target)
        left = total
        if found is not None:
            self._known, self._known_at = found.position, found.last_at
            left, self._outcome.earlier = self._count_new()
        if found is not None and found.finished_at is None:
            self._sink.prepare(self._connection)
            self._sink.resume(found)
            self._checkpoint = found
        elif left:
            self._sink.prepare(self._connection)
            self._open_checkpoint(found, left)
        return bool(left) or (found is not None and found.finished_at is None)

    def _count_new(self) -> tuple[int, int]:
        """(places of the file that are new, rows of it that were read before)."""
        left = before = 0
        for position, item in self._stream.items():
            if self._stream.is_new(position, item, self._known, self._known_at):
                left += 1
            else:
                before += item is not None
        return left, before

    def _open_checkpoint(self, earlier: Checkpoint | None, rows: int) -> None:
        with transaction(self._connection):
            self._checkpoint = open_checkpoint(
                self._connection, self._kind, self._stream, self._target, self._file, earlier
            )
            self._sink.begin(self._connection, self._checkpoint, rows)
            save_checkpoint(self._connection, self._checkpoint)
            raise_topics(self._connection)

    def _take_new(self, position: int, item: Item) -> None:
        self._discard()
        if item is not None and self._checkpoint.is_full:  # the file has grown since its rows were counted
            finish_checkpoint(self._connection, self._checkpoint)
            self._open_checkpoint(self._checkpoint, self._stream.count())
        self._pending += 1
        self._checkpoint.position = max(self._checkpoint.position, position)
        if item is not None:
            self._count(item)
        if self._pending == self._timing.chunk or self._checkpoint.is_full:
            self._commit()

    def _count(self, item: Item) -> None:
        self._checkpoint.rows += 1
        if isinstance(item, Skip):
            reason: str | None = item.reason
        else:
            assert item is not None
            self._latest = max(self._latest, item.at)
            reason = self._sink.absorb(item, True)
        if reason is None:
            self._checkpoint.stored += 1
            self._outcome.stored += 1
        else:
            self._checkpoint.skipped[reason] += 1
            self._outcome.skipped[reason] += 1

    def _take_known(self, item: Item) -> None:
        """What these rows teach is kept, they are stored already."""
        self._commit()
        if item is not None and not isinstance(item, Skip):
            self._sink.absorb(item, False)
        self._reread += 1
        if self._reread == self._timing.chunk:
            self._discard()

    def _discard(self) -> None:
        if self._reread:
            self._sink.discard()
            self._progress.update(self._reread)
            self._reread = 0

    def _commit(self) -> None:
        if not self._pending:
            return
        started = time.monotonic()
        self._checkpoint.mark = self._stream.mark()
        if self._latest:
            self._checkpoint.last_at = max(self._checkpoint.last_at or "", format_utc(self._latest))
        with transaction(self._connection):
            raise_topics(self._connection, self._sink.write(self._connection))
            save_checkpoint(self._connection, self._checkpoint)
        self._sink.committed()
        time.sleep(self._timing.rest * (time.monotonic() - started))
        self._progress.update(self._pending)
        self._pending = 0
