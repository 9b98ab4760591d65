"""The lock of the one process that carries out plans, `DATABASE.plan.lock`, held while it runs."""

from pathlib import Path

from ingest.db.locks import is_byte_locked, lock_byte

BYTE = 0


def lock_plans(database: Path) -> int:
    """Be the one process that carries out plans; returns the descriptor to close at the end.

    Raises LockedError where another one runs; OSError.
    """
    return lock_byte(
        _lock_path(database),
        BYTE,
        f"another `voltkeeper plan` carries out the plans of {database}: stop it first",
    )


def carries_out_plans(database: Path) -> bool:
    """Whether another process than this one holds the lock."""
    return is_byte_locked(_lock_path(database), BYTE)


def _lock_path(database: Path) -> Path:
    return database.with_name(f"{database.name}.plan.lock")
