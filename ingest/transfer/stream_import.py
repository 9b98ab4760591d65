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
    reserve_ids,
    save_checkpoint,
)
from ingest.transfer.records import Item, Record, Skip
from ingest.transfer.sink import ImportSink
from ingest.transfer.streams import ImportStream


class Progress(Protocol):
    """What an import needs of a progress bar."""

    def update(self, n_steps: int, /) -> None:
        """So many more places of the file are done."""


# Called with `length` and `label`, as `ingest.process.progress.ProgressBar` is.
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


@dataclass
class StreamImport:
    """The import of one stream of a source `kind` for `target`, from where an earlier one was left."""

    connection: Connection
    stream: ImportStream
    sink: ImportSink
    kind: str
    target: str
    file: str
    timing: ImportTiming
    known: int = 0  # position and time (UTC text) of the last row that was read before
    known_at: str | None = None
    pending: int = 0  # new places since the last commit
    reread: int = 0  # known places since the sink last discarded what it took
    latest: float = 0.0  # time of the newest row, unix seconds
    outcome: Outcome = field(init=False)
    checkpoint: Checkpoint = field(init=False)
    progress: Progress = field(init=False)

    def run(self, bar: ProgressBar) -> Outcome:
        """Read all of the stream and store what is new of it."""
        total, self.outcome = self.stream.count(), Outcome(self.stream.name)
        if not self._begin(total):
            return self.outcome
        with bar(length=total, label=f"{self.file}: {self.stream.name}") as self.progress:
            for position, item in self.stream.items():
                if self.stream.is_new(position, item, self.known, self.known_at):
                    self._take_new(position, item)
                else:
                    self._take_known(item)
            self._commit()
            self._discard()
        self.sink.finish(self.connection)
        finish_checkpoint(self.connection, self.checkpoint)
        return self.outcome

    def _begin(self, left: int) -> bool:
        """Find or make the checkpoint. False: nothing is new."""
        found = find_checkpoint(self.connection, self.kind, self.stream, self.target)
        if found is not None:
            self.known, self.known_at = found.position, found.last_at
            left, self.outcome.earlier = self._count_new()
        is_unfinished = found is not None and found.finished_at is None
        if left or is_unfinished:
            self.sink.prepare(self.connection)
        if found is not None and is_unfinished:
            self.sink.checkpoint = self.checkpoint = found
            self.sink.resumed = True
        elif left:
            self._open_checkpoint(found, left)
        return bool(left) or is_unfinished

    def _count_new(self) -> tuple[int, int]:
        """(places of the file that are new, rows of it that were read before)."""
        left = before = 0
        for position, item in self.stream.items():
            if self.stream.is_new(position, item, self.known, self.known_at):
                left += 1
            else:
                before += item is not None
        return left, before

    def _open_checkpoint(self, earlier: Checkpoint | None, rows: int) -> None:
        with transaction(self.connection):
            self.checkpoint = self.sink.checkpoint = open_checkpoint(
                self.connection, self.kind, self.stream, self.target, self.file, earlier
            )
            reserve_ids(self.connection, self.checkpoint, self.sink.numbers, rows)
            save_checkpoint(self.connection, self.checkpoint)
            raise_topics(self.connection)

    def _take_new(self, position: int, item: Item) -> None:
        self._discard()
        if item is not None and self.checkpoint.is_full:  # the file has grown since its rows were counted
            finish_checkpoint(self.connection, self.checkpoint)
            self._open_checkpoint(self.checkpoint, self.stream.count())
        self.pending += 1
        self.checkpoint.position = max(self.checkpoint.position, position)
        if item is not None:
            self._count(item)
        if self.pending == self.timing.chunk or self.checkpoint.is_full:
            self._commit()

    def _count(self, item: Record | Skip) -> None:
        self.checkpoint.rows += 1
        if isinstance(item, Skip):
            reason: str | None = item.reason
        else:
            self.latest = max(self.latest, item.at)
            reason = self.sink.absorb(item, True)
        for counted in (self.checkpoint, self.outcome):
            if reason is None:
                counted.stored += 1
            else:
                counted.skipped[reason] += 1

    def _take_known(self, item: Item) -> None:
        """What these rows teach is kept, they are stored already."""
        self._commit()
        if item is not None and not isinstance(item, Skip):
            self.sink.absorb(item, False)
        self.reread += 1
        if self.reread == self.timing.chunk:
            self._discard()

    def _discard(self) -> None:
        if self.reread:
            self.sink.discard()
            self.progress.update(self.reread)
            self.reread = 0

    def _commit(self) -> None:
        if not self.pending:
            return
        started = time.monotonic()
        self.checkpoint.mark = self.stream.mark()
        if self.latest:
            self.checkpoint.last_at = max(self.checkpoint.last_at or "", format_utc(self.latest))
        with transaction(self.connection):
            raise_topics(self.connection, self.sink.write(self.connection))
            save_checkpoint(self.connection, self.checkpoint)
        self.sink.committed()
        time.sleep(self.timing.rest * (time.monotonic() - started))
        self.progress.update(self.pending)
        self.pending = 0
