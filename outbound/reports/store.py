"""Reports that are kept: a mail without addresses in a file each, in `reports/` beside the database."""

import os
import re
import time
from contextlib import suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from ingest.db.files import DATABASE_MODE, sync

FOLDER, FOLDER_MODE = "reports", 0o750
FILE = re.compile(r"(?P<name>[a-z0-9_-]+)\.(?P<period>\d{4}(-W?\d\d(-\d\d)?)?)\.eml", re.ASCII)
PART = ".part-"  # what the file of an unfinished report begins with
UNFINISHED_S = 3600.0  # after which nobody writes it any more


class KeptReport(NamedTuple):
    """A report that is kept: its name in the config, its period such as 2026-10, its file, when it was made.

    `made_at` is in unix seconds, `size` in bytes.
    """

    name: str
    period: str
    file: str
    made_at: float
    size: int


def reports_folder(database: Path) -> Path:
    """Where the reports of a database are kept."""
    return database.parent / FOLDER


def file_of(name: str, period: str) -> str:
    """The name of the file of a report."""
    return f"{name}.{period}.eml"


def keep_report(folder: Path, name: str, period: str, mail: EmailMessage, keep: int) -> str:
    """Write a report, whole or not at all, in place of an earlier one of its period; the newest `keep` stay.

    Returns the name of the file. Raises OSError.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    _remove_unfinished(folder)
    file = file_of(name, period)
    with NamedTemporaryFile(dir=folder, prefix=PART, delete=False) as part:
        try:
            part.write(mail.as_bytes(policy=SMTP))
            part.flush()
            os.fsync(part.fileno())
            os.chmod(part.name, DATABASE_MODE)
            os.replace(part.name, folder / file)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    sync(folder)
    for old in [one for one in list_kept(folder) if one.name == name][keep:]:
        (folder / old.file).unlink(missing_ok=True)
    return file


def _remove_unfinished(folder: Path) -> None:
    """Remove what programs left that were killed while they wrote."""
    for path in folder.glob(f"{PART}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > UNFINISHED_S:
                path.unlink()


def list_kept(folder: Path) -> list[KeptReport]:
    """All reports that are kept, the newest first. A folder that is not there has none."""
    found = []
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            match = FILE.fullmatch(path.name)
            if match is None:
                continue
            with suppress(FileNotFoundError):  # removed meanwhile
                status = path.stat()
                found.append(
                    KeptReport(match["name"], match["period"], path.name, status.st_mtime, status.st_size)
                )
    return sorted(found, key=lambda one: (one.made_at, one.file), reverse=True)


def read_kept(folder: Path, file: str) -> EmailMessage | None:
    """The mail of a file; None where it is kept no longer. Raises OSError where it cannot be read."""
    if not FILE.fullmatch(file):
        return None
    try:
        content = (folder / file).read_bytes()
    except FileNotFoundError:
        return None
    mail = message_from_bytes(content, policy=SMTP)
    assert isinstance(mail, EmailMessage), "the policy makes this class"
    return mail
