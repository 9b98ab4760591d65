"""Rows are inserted by a thread of its own while the writer's thread takes further items.

SQLite works without the interpreter's lock: on two cores, both go on at the same time. All is in the one
transaction that the writer has open; the thread ends before the writer goes on with it.
"""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Protocol, runtime_checkable


@runtime_checkable
class BulkSink(Protocol):
    """A sink with rows that stay as they are once an item is absorbed."""

    def write_ahead(self, connection: sqlite3.Connection, /) -> None:
        """Insert such rows in the open transaction, while others are absorbed; `write()` leaves them out."""

    def taken_back(self) -> None:
        """The transaction has ended without a commit: all rows are pending again."""


class InsertAhead(AbstractContextManager["InsertAhead"]):
    """Within the block, each `go_on()` lets the sinks insert what they have by then.

    An error of theirs is raised at the end of the block; nothing is inserted after it, since SQLite may have
    ended the transaction.
    """

    def __init__(self, connection: sqlite3.Connection, sinks: Sequence[BulkSink]) -> None:
        self._connection, self._sinks = connection, sinks
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._error: Exception | None = None
        # A daemon: a disk may hold it without limit, and the process has to be able to end.
        self._thread = threading.Thread(target=self._run, name="writer-rows", daemon=True)

    def __enter__(self) -> "InsertAhead":
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._asked.put(False)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def go_on(self) -> None:
        """Insert what is pending now."""
        self._asked.put(True)

    def _run(self) -> None:
        try:
            while self._asked.get():
                for sink in self._sinks:
                    sink.write_ahead(self._connection)
        except Exception as error:
            self._error = error
