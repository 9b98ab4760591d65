"""A database with all tables and views for a test, copied instead of made anew each time."""

import functools
import shutil
import tempfile
from pathlib import Path

from ingest.schema.migrate import migrate


def new_database(path: Path) -> Path:
    """A file at `path` as `migrate` makes it; a file that is there is brought up to date."""
    if path.exists():
        migrate(path)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_template(), path)
    return path


@functools.cache
def _template() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="voltkeeper-test-")
    _kept.append(folder)
    path = Path(folder.name) / "telemetry.db"
    migrate(path)
    return path


_kept: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends
