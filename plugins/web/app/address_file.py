"""Where the running site listens: a file beside the database, for commands that ask about it."""

import os
from contextlib import suppress
from pathlib import Path


def address_file(database: Path) -> Path:
    """The file beside a database."""
    return Path(f"{database}.site")


def write_address(database: Path, host: str, port: int) -> None:
    """Note where this process listens. Without the file, commands take the port of the config."""
    with suppress(OSError):
        address_file(database).write_text(f"{os.getpid()} {port} {host}\n")


def remove_address(database: Path) -> None:
    """Forget it, where it is of this process."""
    with suppress(OSError):
        if address_file(database).read_text().split()[:1] == [str(os.getpid())]:
            address_file(database).unlink()


def running_address(database: Path) -> tuple[str, int] | None:
    """Host and port of the site that runs on a database, None where none is known to."""
    try:
        pid, port, host = address_file(database).read_text().split()
        os.kill(int(pid), 0)
    except PermissionError:  # it lives, as another user
        return host, int(port)
    except (OSError, ValueError):
        return None
    return host, int(port)
