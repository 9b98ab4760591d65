"""An SD card whose file system becomes read-only while it is written, as ext4 does after an error of it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoCardError(Exception):
    """Why there is no such card on this machine."""


class FailingCard:
    """A mounted file system of a file. `folder` is where it is."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.image, self.folder = image, folder

    def mount(self) -> None:
        """Mount it. Raises NoCardError."""
        _run("mount", "-t", "ext4", "-o", "loop,errors=remount-ro", self.image, self.folder)

    def fail(self) -> None:
        """Let the kernel meet an error: from now on nothing can be written."""
        device = os.stat(self.folder).st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        try:
            Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("1")
        except OSError as error:
            raise NoCardError(f"no error can be made: {error}") from None

    def repair(self) -> None:
        """Check it and mount it again; nothing may use it."""
        _run("umount", self.folder)
        subprocess.run(["e2fsck", "-p", "-f", self.image], capture_output=True, check=False)
        self.mount()


@contextmanager
def failing_card(folder: Path, megabytes: int = 16) -> Iterator[FailingCard]:
    """A card in this folder until the block ends. Raises NoCardError where nothing may be mounted."""
    image, mounted = folder / "card.img", folder / "card"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    _run("mkfs.ext4", "-q", "-F", image)
    card = FailingCard(image, mounted)
    card.mount()
    try:
        yield card
    finally:
        subprocess.run(["umount", "-l", mounted], check=False)


def _run(*command: str | Path) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NoCardError(str(error)) from None
    except subprocess.CalledProcessError as error:
        raise NoCardError(f"{command[0]}: {error.stderr.strip()}") from None
