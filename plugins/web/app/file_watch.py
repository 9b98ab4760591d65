"""The site ends when its database is moved away, deleted or replaced: its next start opens what is there.

Connections that stay open would go on showing the file that was there before.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from ingest.db.file_identity import identity

log = logging.getLogger(__name__)

LOOK_S = 2.0
DESCRIPTORS = Path("/proc/self/fd")


async def watch_file(path: Path, gone: Callable[[], object], look_s: float = LOOK_S) -> None:
    """Call `gone()` once the path leads to another file than now, or its log was deleted. Until cancelled."""
    opened = identity(path)
    while True:
        await asyncio.sleep(look_s)
        fault = find_fault(path, opened)
        if fault is not None:
            log.error("%s: the site ends, and its next start opens what is there", fault)
            gone()
            return


def find_fault(path: Path, opened: tuple[int, int] | None) -> str | None:
    """Why the database is not the one that was opened, or None."""
    if identity(path) != opened:
        return f"{path} was moved away, deleted or replaced"
    deleted = f"{path}-wal (deleted)"
    try:
        if any(os.readlink(one) == deleted for one in DESCRIPTORS.iterdir()):
            return f"{path}-wal, which is a part of the database, was deleted"
    except OSError:  # a descriptor that was closed meanwhile, or a system without /proc
        return None
    return None
