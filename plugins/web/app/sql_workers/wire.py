"""What passes between the site and a worker: a query and its answer, each as marshal behind its length.

An empty answer comes first, when the worker is ready.

Marshal carries plain values alone, and both ends run the same Python.
"""

import marshal
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

LENGTH_BYTES = 4

Value: TypeAlias = int | float | str | bytes | None
Params: TypeAlias = Mapping[str, Value] | Sequence[Value]


class Query(NamedTuple):
    """One statement and what it may cost. `deadline` is a time of `time.monotonic()`, one clock for both."""

    sql: str
    params: Params
    deadline: float
    max_rows: int | None  # None: all
    max_bytes: int  # of all values together, about as JSON
    shown: Sequence[str]  # the hidden tables that it may read


class QueryAnswer(NamedTuple):
    """The rows, or why there are none: `error` is the message of SQLite, None where all went well."""

    columns: Sequence[str] = ()
    rows: Sequence[tuple[Value, ...]] = ()
    has_more: bool = False  # rows beyond max_rows
    was_cut: bool = False  # at max_bytes
    error: str | None = None
    interrupted: bool = False  # the error is that of the time limit
    was_hidden: bool = False  # that of a table which is not shown


def pack(message: Query | QueryAnswer) -> bytes:
    """The bytes of a message."""
    body = marshal.dumps(list(message))
    return len(body).to_bytes(LENGTH_BYTES) + body


def unpack_query(read: Callable[[int], bytes | bytearray]) -> Query:
    """A query, by a function that reads so many bytes. Raises what that raises."""
    return Query(*_read(read))


def unpack_answer(read: Callable[[int], bytes | bytearray]) -> QueryAnswer:
    """An answer, by a function that reads so many bytes. Raises what that raises."""
    return QueryAnswer(*_read(read))


def _read(read: Callable[[int], bytes | bytearray]) -> list:
    length = int.from_bytes(read(LENGTH_BYTES))
    values: list = marshal.loads(read(length))
    return values
