"""Where exported files go: what every such place does, and the one that is a folder.

Names of files are relative, as `table=nodes/part-hill-house.parquet`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

from ingest.db.files import sync
from ingest.db.locks import lock_file

BUSY = "Another export of this site to this place is running: wait for it"


class Lake(Protocol):
    """The files of one site in a folder or an object store."""

    work: Path  # a folder of this machine for files on their way
    stages: bool  # files that are added do not show before publish()

    def read_state(self) -> str | None:
        """The state of the export; None: there is none."""

    def create_state(self, text: str) -> bool:
        """Write it where there is none. False: another one was there, or came first."""

    def save_state(self, text: str) -> None:
        """Replace it."""

    def add(self, name: str, half: Path) -> int:
        """Take a complete file in, in place of one of that name. Returns its size in bytes."""

    def put(self, name: str, half: Path) -> int:
        """The same, and readers see it at once."""

    def publish(self) -> None:
        """Give all that was added the names that readers see."""

    def find(self, name: str) -> Path | None:
        """The file, or a copy of it on this machine; None: there is none."""

    def exists(self, name: str) -> bool:
        """True where there is such a file."""

    def list_files(self) -> list[str]:
        """The names of all history and sums of this site."""


class FolderLake:
    """Files are collected in `.voltkeeper-HOUSE/`, which readers leave alone, and renamed all together."""

    stages = True

    def __init__(self, folder: Path, house: str) -> None:
        self._folder, self._house = folder, house
        self._state = folder / f".voltkeeper-{house}.json"
        self.work = folder / f".voltkeeper-{house}"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let nobody else write files of this site. Raises LockedError, OSError."""
        with lock_file(self.work.with_suffix(".lock"), wait=False, message=BUSY):
            self.work.mkdir(exist_ok=True)
            yield
            shutil.rmtree(self.work)  # empty: all was published

    def read_state(self) -> str | None:
        """The state of the export."""
        return self._state.read_text(encoding="utf-8") if self._state.exists() else None

    def create_state(self, text: str) -> bool:
        """Write it where there is none."""
        try:
            with self._state.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return False
        return True

    def save_state(self, text: str) -> None:
        """Replace it."""
        half = self._state.with_name(f"{self._state.name}.half")
        half.write_text(text, encoding="utf-8")
        rename_synced(half, self._state)

    def add(self, name: str, half: Path) -> int:
        """Keep a complete file until publish()."""
        rename_synced(half, self._staged(name))
        return self._staged(name).stat().st_size

    def put(self, name: str, half: Path) -> int:
        """Give a complete file its name."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rename_synced(half, path)
        sync(path.parent.parent)  # the folder may be new, too
        return path.stat().st_size

    def publish(self) -> None:
        """Rename all files: what others refer to first, so that each reading has its channel."""
        names = sorted(
            (unquote(path.name.removesuffix(".staged")) for path in self.work.glob("*.staged")),
            key=lambda name: ("/day=" in name, name),
        )
        parents = {(self._folder / name).parent for name in names}
        for parent in parents:
            parent.mkdir(parents=True, exist_ok=True)
        for name in names:
            self._staged(name).replace(self._folder / name)
        for folder in parents | {parent.parent for parent in parents} | {self.work}:
            sync(folder)

    def find(self, name: str) -> Path | None:
        """The file, published or not."""
        return next((path for path in (self._staged(name), self._folder / name) if path.exists()), None)

    def exists(self, name: str) -> bool:
        """True where there is such a file."""
        return self.find(name) is not None

    def list_files(self) -> list[str]:
        """All history and sums, published or not."""
        final = self._folder.glob(f"table=*/day=*/part-{self._house}.*parquet")
        staged = (unquote(path.name.removesuffix(".staged")) for path in self.work.glob("*.staged"))
        names = {path.relative_to(self._folder).as_posix() for path in final}
        return sorted(names | {name for name in staged if "/day=" in name})

    def _staged(self, name: str) -> Path:
        return self.work / f"{quote(name, safe='=')}.staged"


def rename_synced(half: Path, path: Path) -> None:
    """Give a file its name once its bytes are on the disk."""
    sync(half)
    half.replace(path)
    sync(path.parent)
