"""The rows of one table in memory, and which of them wait to be written."""

import sqlite3
from collections.abc import Iterable
from typing import TypeVar

from ingest.mysensors.state import RowState

StateType = TypeVar("StateType", bound=RowState)


class StateTable(dict[int, StateType]):
    """The rows of one table in memory, by id; those that are `dirty` wait to be written."""

    def __init__(self, kind: type[StateType], connection: sqlite3.Connection) -> None:
        super().__init__(kind.load(connection))
        self._kind = kind
        self.dirty: set[StateType] = set()

    def merge_imported(self, connection: sqlite3.Connection) -> None:
        """Take over what an import wrote: memory must not overwrite it."""
        for key, filed in self._kind.load(connection).items():
            state = self.setdefault(key, filed)
            if state is not filed:
                state.merge_imported(filed, state in self.dirty)

    def forget(self, ids: Iterable[int]) -> None:
        """Drop rows that are gone from the file; those with something pending are reset."""
        for key in list(ids):
            state = self.get(key)
            if state in self.dirty:
                state.reset()
            else:
                self.pop(key, None)

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Upsert what is dirty; returns the topics that changed."""
        connection.executemany(self._kind.UPSERT, [state.values() for state in self.dirty])
        return {self._kind.TABLE} if self.dirty else set()

    def committed(self) -> None:
        """What was dirty is in the file."""
        for state in self.dirty:
            state.committed()
        self.dirty = set()
