"""Where the records of a stream go."""

from sqlite3 import Connection
from typing import Protocol

from ingest.transfer.checkpoint import Checkpoint
from ingest.transfer.records import Record


class ImportSink(Protocol):
    """Takes records (`absorb`) and writes them in transactions of the import (`write`, `committed`)."""

    def prepare(self, connection: Connection) -> None:
        """Before anything else, outside a transaction: it may take its time."""

    def begin(self, connection: Connection, checkpoint: Checkpoint, number: int) -> None:
        """Inside the open transaction: `number` more rows may come."""

    def resume(self, checkpoint: Checkpoint) -> None:
        """An import that was interrupted goes on."""

    def absorb(self, record: Record, is_new: bool) -> str | None:
        """Take a record; returns the reason why it is skipped. One that is not new is stored already."""

    def write(self, connection: Connection) -> set[str]:
        """Write what is pending inside the open transaction; returns the topics that changed."""

    def committed(self) -> None:
        """What was pending is stored."""

    def discard(self) -> None:
        """What was absorbed is stored since an earlier import: keep what was learned, write nothing."""

    def finish(self, connection: Connection) -> None:
        """The stream has been read."""
