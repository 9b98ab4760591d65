"""The key that signs cookies: made once, kept in a private file beside the database."""

import os
import re
import secrets
from pathlib import Path

from ingest.db.locks import locked

KEY = re.compile(r"[0-9a-f]{64}")


def kept_secret(database: Path) -> str:
    """The signing key of this database, made at the first call. Several programs may call at once.

    Raises OSError when the file can be neither read nor made.
    """
    path = Path(f"{database}.secret")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file, locked(file):
        os.fchmod(file.fileno(), 0o600)
        key = file.read().strip()
        if not KEY.fullmatch(key):  # new, or cut short by a power cut
            key = secrets.token_hex(32)
            file.seek(0)
            file.truncate()
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
    return key
