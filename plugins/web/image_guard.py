"""The bytes of firmware images: written by uploads, read by ingest, shown to nobody, not even by way of SQL."""

import sqlite3
import threading
from contextlib import contextmanager

IMAGES = ("firmware_images", "data")
_thread = threading.local()


def guard_images(connection):
    """Make every statement that reads the images fail on this connection, outside of `open_images`."""
    connection.set_authorizer(_authorize)


def _authorize(action, table, column, database, trigger):
    if action == sqlite3.SQLITE_READ and (table, column) == IMAGES and not getattr(_thread, "open", False):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def is_guarded(error):
    """True for the error of a statement that `guard_images` refused."""
    return f"access to {'.'.join(IMAGES)} is prohibited" in str(error)


@contextmanager
def open_images():
    """Let statements of this thread touch the images."""
    _thread.open = True
    try:
        yield
    finally:
        _thread.open = False
