"""What every importer is: a file of another program as streams of records, and what else it holds."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from sqlite3 import Connection
from typing import ClassVar, NamedTuple

from ingest.transfer.records import ImportOptions
from ingest.transfer.sink import ImportSink
from ingest.transfer.streams import ImportStream


class Saved(NamedTuple):
    """How many rows were stored, and why others were not."""

    stored: int
    skipped: Counter[str]


class StateImport(NamedTuple):
    """Something that is saved at once, after the streams: what it is, what is done with it, and how."""

    what: str
    verb: str
    save: Callable[[Connection], Saved]


class ImportSource(ABC):
    """A file of another program, open. `target` is what its rows are stored for, as `imports` names it."""

    kind: ClassVar[str]  # in `imports`
    title: ClassVar[str]
    looked_for: ClassVar[str]  # what a file of this kind is recognised by
    target: str

    @abstractmethod
    def __init__(self, path: Path, options: ImportOptions) -> None: ...

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for a file that this class reads."""

    def streams(self) -> Iterable[tuple[ImportStream, ImportSink]]:
        """The streams of records and where they go."""
        return ()

    def states(self) -> Iterable[StateImport]:
        """What else is saved, in this order."""
        return ()

    def close(self) -> None:
        """Release the file."""
        return
