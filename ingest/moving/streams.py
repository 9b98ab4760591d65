"""How far a file has been read, and whether it is the same file that was read before: tables by id, text by bytes.

A stream yields `(position, item)` in order, from the beginning. `mark()` is a hash that proves what stands at, or
before, the position yielded last; `proves()` says whether a file still has it.
"""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from ingest.moving.records import MoveError, Skip

BLOCK = 1 << 20


class TextStream:
    """The lines of a file. A position is the offset behind a line, its mark the hash of all bytes before.

    `parse(line)` takes the text of a line and returns an item, a Skip, or None for one that says nothing.
    """

    def __init__(self, path, name, parse, head=0):
        self.path, self.name, self._parse, self._head = Path(path), name, parse, head
        self._hash = hashlib.sha256()

    def count(self):
        """Rows at most."""
        with self.path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b"")) + 1

    def items(self):
        self._hash = hashlib.sha256()
        position = 0
        with self.path.open("rb") as file:
            for number, raw in enumerate(file):
                item = None
                if number >= self._head:
                    text = raw.decode(errors="backslashreplace").rstrip("\r\n")
                    item = self._parse(text) if text.strip() else None
                if not raw.endswith(b"\n") and (item is None or isinstance(item, Skip)):
                    return  # the program that writes it is not done with this line
                position += len(raw)
                self._hash.update(raw)
                yield position, item

    def mark(self):
        return self._hash.hexdigest()

    def proves(self, position, mark, last_at):
        found, left = hashlib.sha256(), position
        with self.path.open("rb") as file:
            while left and (block := file.read(min(left, BLOCK))):
                found.update(block)
                left -= len(block)
        return not left and found.hexdigest() == mark


class TableStream:
    """The rows of a table by ascending id, its first column. A mark is the hash of one row.

    `select` lacks its `where` and `order by`; `parse(*columns)` takes the columns behind the id; column `time` of them
    is the row's time as text, for `proves()` alone.
    """

    def __init__(self, source, name, select, parse, time, at):
        self._source, self.name, self._select, self._parse = source, name, select, parse
        self._time, self._at = time, at
        self._row = ()

    def count(self):
        return self._source.execute(f"select count(*) from ({self._select})").fetchone()[0]

    def items(self):
        for row in self._source.execute(f"{self._select} order by 1"):
            self._row = row
            yield row[0], self._parse(*row[1:])

    def mark(self):
        return _hash(self._row)

    def proves(self, position, mark, last_at):
        """True where the row is the same, or where the program has deleted it since and all that is left is newer."""
        row = self._source.execute(f"select * from ({self._select}) where id = ?", (position,)).fetchone()
        if row is not None:
            return _hash(row) == mark
        first = self._source.execute(f"{self._select} order by 1 limit 1").fetchone()
        return first is not None and first[0] > position and last_at is not None and self._at(first[self._time]) > last_at


def _hash(row):
    return hashlib.sha256(repr(row).encode()).hexdigest()


def open_source(path):
    """Another program's SQLite file, only to be read, as it is at this moment. Raises MoveError."""
    try:
        source = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=15)
        source.text_factory = lambda raw: raw.decode(errors="backslashreplace")
        source.execute("begin")
        source.execute("select 1 from sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise MoveError(f"{path} cannot be read as an SQLite file: {error}") from error
    return source


def tables_of(source):
    """Table -> names of its columns."""
    names = [row[0] for row in source.execute("select name from sqlite_master where type = 'table'")]
    return {name: {row[1] for row in source.execute(f'pragma table_info("{name}")')} for name in names}


def is_sqlite(path):
    with Path(path).open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def peek_tables(path):
    """`tables_of` a file; empty for one that is no SQLite file. Raises MoveError where it is damaged."""
    if not is_sqlite(path):
        return {}
    with closing(open_source(path)) as source:
        return tables_of(source)
