"""Where the records of a stream go."""

from abc import ABC, abstractmethod
from sqlite3 import Connection
from typing import ClassVar

from ingest.transfer.checkpoint import Checkpoint
from ingest.transfer.records import Record


class ImportSink(ABC):
    """Takes records (`absorb`) and writes them in transactions of the import (`write`, `committed`).

    `checkpoint` holds the ids for its rows.
    """

    numbers: ClassVar[str]  # the group of tables that these ids are of
    checkpoint: Checkpoint
    resumed = False  # an import that was interrupted goes on

    @abstractmethod
    def prepare(self, connection: Connection) -> None:
        """Before anything else, outside a transaction: it may take its time."""

    @abstractmethod
    def absorb(self, record: Record, is_new: bool) -> str | None:
        """Take a record; returns the reason why it is skipped. One that is not new is stored already."""

    @abstractmethod
    def write(self, connection: Connection) -> set[str]:
        """Write what is pending inside the open transaction; returns the topics that changed."""

    @abstractmethod
    def committed(self) -> None:
        """What was pending is stored."""

    def discard(self) -> None:
        """What was absorbed is stored since an earlier import: keep what was learned, write nothing."""
        return

    def finish(self, connection: Connection) -> None:
        """The stream has been read."""
        return
