"""How far a file has been read, and whether it is the same file: tables by id, text by bytes."""

import hashlib
import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.db.connection import is_sqlite
from ingest.db.time import format_utc
from ingest.mysensors.payload_text import decode_payload
from ingest.transfer.records import Item, Skip, TransferError

BLOCK = 1 << 20
MAX_LINE = 1 << 20  # bytes
TOO_LONG = f"a line of more than {MAX_LINE:,} bytes"
MAX_VALUE = 1 << 26  # bytes of a value in another program's table
PAGE = 1000  # rows that are read at a time: while a read lasts, the program that owns the file cannot write
POWERS = [1 << exponent for exponent in range(40)]
Row = tuple[Any, ...]  # what another program's table holds


class ImportStream(ABC):
    """The places of a file in order, from the beginning."""

    name: str

    @abstractmethod
    def count(self) -> int:
        """Places at most."""

    @abstractmethod
    def items(self) -> Iterator[tuple[int, Item]]:
        """Yield (position, item)."""

    @abstractmethod
    def mark(self) -> str:
        """A text that proves what stands at, or before, the position yielded last."""

    @abstractmethod
    def proves(self, position: int, mark: str, last_at: str | None) -> bool:
        """True where the file still has what the mark stands for."""

    @abstractmethod
    def is_new(self, position: int, item: Item, known: int, last_at: str | None) -> bool:
        """True for what was not read up to the position `known` and the time `last_at` (UTC text)."""


@dataclass
class TextStream(ImportStream):
    """The lines of a file. A position is the offset behind a line, its mark the hash of all bytes before.

    `parser()` makes anew a function that takes the text of a line and returns an item, a Skip, or None for
    one that holds nothing. `head` is the number of lines before the first one that counts, `errors` what
    becomes of bytes that are no UTF-8.
    """

    path: Path
    name: str
    parser: Callable[[], Callable[[str], Item]]
    head: int = 0
    errors: str = "backslashreplace"
    _start: int = 0  # of the line that was yielded last

    def count(self) -> int:
        """Lines, and one that may be without an end."""
        with self.path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b"")) + 1

    def items(self) -> Iterator[tuple[int, Item]]:
        """Yield the offset behind each line and what it holds."""
        self._hash = hashlib.sha256()
        position, parse, is_rest = 0, self.parser(), False
        with self.path.open("rb") as file:
            for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE), b"")):
                is_whole = raw.endswith(b"\n")
                is_cut = not is_whole and len(raw) == MAX_LINE
                if is_cut or is_rest:
                    item: Item = None if is_rest else Skip(TOO_LONG)
                else:
                    text = raw.decode(errors=self.errors).rstrip("\r\n")
                    item = parse_item(parse, text) if number >= self.head and text.strip() else None
                is_rest = is_cut
                if not (is_whole or is_cut) and (item is None or isinstance(item, Skip)):
                    return  # the program that writes it is not done with this line
                self._start, position = position, position + len(raw)
                self._hash.update(raw)
                yield position, item

    def mark(self) -> str:
        """The hash of all bytes so far."""
        return self._hash.hexdigest()

    def proves(self, position: int, mark: str, last_at: str | None) -> bool:
        """True where the bytes up to the position have this hash."""
        found, left = hashlib.sha256(), position
        with self.path.open("rb") as file:
            while left and (block := file.read(min(left, BLOCK))):
                found.update(block)
                left -= len(block)
        return not left and found.hexdigest() == mark

    def is_new(self, position: int, item: Item, known: int, last_at: str | None) -> bool:
        """True for a row that begins behind what is `known`: the end of a line that was cut is no row."""
        return self._start >= known


class TableStream(ImportStream):
    """The rows of a table by ascending id, its first column.

    The program may delete rows, the last ones too, and SQLite gives the highest ids to other rows then. So
    a mark holds the hashes of several rows: the first one, and more and more of them towards the last. One
    that is left proves the file. What the program writes while the table is read waits for the next import.

    `select` lacks its `where` and `order by`; `parser()` makes anew a function that takes the columns
    behind the id; column `time` of them is the row's time as text, for `proves()` alone.
    """

    def __init__(
        self,
        source: sqlite3.Connection,
        name: str,
        select: str,
        parser: Callable[[], Callable[..., Item]],
        *,
        time: int,
        at: Callable[[Any], str | None],  # the time of a row as the other program wrote it
    ) -> None:
        self._source, self.name, self._select, self._parser = source, name, select, parser
        self._time, self._at = time, at
        self._end = source.execute(f"select max(id) from ({select})").fetchone()[0] or 0

    def count(self) -> int:
        """Rows up to the last one that was there when the import began."""
        counted = self._source.execute(f"select count(*) from ({self._select} where id <= ?)", (self._end,))
        return int(counted.fetchone()[0])

    def items(self) -> Iterator[tuple[int, Item]]:
        """Yield the id of each row and what it holds."""
        parse = self._parser()
        # Power of two -> the last two rows whose number it divides.
        self._kept: dict[int, tuple[Row, ...]] = {}
        for number, row in enumerate(self._rows()):
            for power in POWERS:
                if number % power:
                    break
                self._kept[power] = (*self._kept.get(power, ())[-1:], row)
            yield row[0], parse_item(parse, *row[1:])

    def _rows(self) -> Iterator[Row]:
        last = -(1 << 63)
        query = f"{self._select} where id > ? and id <= ? order by 1 limit {PAGE}"
        while rows := self._source.execute(query, (last, self._end)).fetchall():
            yield from rows
            last = rows[-1][0]
        if last == self._end:
            return
        wrong = self._source.execute("pragma quick_check(1)").fetchone()[0]
        if wrong != "ok":
            raise TransferError(
                f"The file is damaged behind {self.name} {last} ({wrong.splitlines()[-1]}). "
                "Restore a copy of it; https://sqlite.org/recovery.html explains how to read what is left."
            )

    def mark(self) -> str:
        """The hashes of several rows."""
        hashes = {row[0]: _hash(row) for rows in self._kept.values() for row in rows}
        return json.dumps(sorted(hashes.items()))

    def proves(self, position: int, mark: str, last_at: str | None) -> bool:
        """True where a row of the mark is left, or where all that the program has left is newer."""
        hashes = dict(json.loads(mark))
        ids = ", ".join("?" * len(hashes))
        if any(
            _hash(row) == hashes[row[0]]
            for row in self._source.execute(f"{self._select} where id in ({ids})", [*hashes])
        ):
            return True
        first = self._source.execute(f"{self._select} order by 1 limit 1").fetchone()
        return (
            first is not None
            and first[0] > position
            and last_at is not None
            and (self._at(first[self._time]) or "") > last_at
        )

    def is_new(self, position: int, item: Item, known: int, last_at: str | None) -> bool:
        """True also for a row that took the id of a deleted one: it is later than all that was read."""
        return position > known or (
            last_at is not None
            and item is not None
            and not isinstance(item, Skip)
            and format_utc(item.at) > last_at
        )


def parse_item(parse: Callable[..., Item], *values: object) -> Item:
    """What a line or row holds; a Skip where `parse` raises ValueError, which its time alone can cause."""
    try:
        return parse(*values)
    except ValueError:
        return Skip("its time cannot be read")


def _hash(row: Row) -> str:
    return hashlib.sha256(repr(row).encode()).hexdigest()[:16]


def open_source(path: Path) -> sqlite3.Connection:
    """Another program's SQLite file, read-only, while that program may go on writing.

    Raises TransferError.
    """
    try:
        source = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=15
        )
        source.text_factory = decode_payload
        source.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
        source.execute("select 1 from sqlite_master").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorname.startswith("SQLITE_READONLY"):
            raise TransferError(
                f"{path} was left in the middle of a write: start the program that made it once, and stop it"
            ) from error
        raise TransferError(f"{path} cannot be read as an SQLite file: {error}") from error
    return source


def tables_of(source: sqlite3.Connection) -> dict[str, set[str]]:
    """Table -> names of its columns."""
    names = source.execute("select name from sqlite_master where type = 'table'").fetchall()
    return {name: {row[1] for row in source.execute(f'pragma table_info("{name}")')} for (name,) in names}


def peek_tables(path: Path) -> dict[str, set[str]]:
    """`tables_of` a file; empty for one that is no SQLite file. Raises TransferError for a damaged one."""
    if not is_sqlite(path):
        return {}
    with closing(open_source(path)) as source:
        return tables_of(source)
