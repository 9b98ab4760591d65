"""How far the demo's history is: files beside its database, which the site reads on every page."""

from pathlib import Path

ANCHOR = "began"  # the file that holds when the history ends and the live demo began
MADE = "made"  # while it is made: the file that holds how many of its days are stored
DAYS = 28


def anchor(folder: Path) -> float | None:
    """The end of the demo's history, unix seconds; None before it was made."""
    began = folder / ANCHOR
    return float(began.read_text()) if began.is_file() else None


def days_made(folder: Path) -> int | None:
    """How many days of the history are stored; None when all of it is."""
    if (folder / ANCHOR).is_file():
        return None
    try:
        return int((folder / MADE).read_text())
    except (OSError, ValueError):  # nothing is stored yet
        return 0
