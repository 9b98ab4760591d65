"""The bytes of firmware images: uploads write them, ingest reads them, no page and no SQL shows them."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

IMAGES = ("firmware_images", "data")
_thread = threading.local()


def guard_images(connection: sqlite3.Connection) -> None:
    """Make every statement that reads the images fail on this connection, outside of `open_images`."""
    connection.set_authorizer(_authorize)


def _authorize(
    action: int, table: str | None, column: str | None, database: str | None, trigger: str | None
) -> int:
    if action == sqlite3.SQLITE_READ and (table, column) == IMAGES and not getattr(_thread, "open", False):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def is_guarded(error: Exception) -> bool:
    """True for the error of a statement that `guard_images` refused."""
    return f"access to {'.'.join(IMAGES)} is prohibited" in str(error)


@contextmanager
def open_images() -> Iterator[None]:
    """Let statements of this thread touch the images."""
    _thread.open = True
    try:
        yield
    finally:
        _thread.open = False
