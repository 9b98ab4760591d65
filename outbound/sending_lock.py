"""The lock of the one process that sends, `DATABASE.outbound.lock`, held while `voltkeeper outbound` runs.

The kernel releases it with the process. A file of its own: a process that closes another descriptor of the
same file loses the locks of its bytes.
"""

from pathlib import Path

from ingest.db.locks import is_byte_locked, lock_byte

BYTE = 0


def lock_sending(database: Path) -> int:
    """Be the one process that sends of this database; returns the descriptor to close at the end.

    Raises LockedError where another one runs; OSError.
    """
    message = f"another `voltkeeper outbound` sends the alerts of {database}: stop it first"
    return lock_byte(_lock_path(database), BYTE, message)


def is_sending(database: Path) -> bool:
    """Whether another process than this one holds the lock: messages that are queued are sent."""
    return is_byte_locked(_lock_path(database), BYTE)


def _lock_path(database: Path) -> Path:
    return database.with_name(f"{database.name}.outbound.lock")
