"""Which program wrote a file."""

from ingest.transfer.importers import csv as csv_file
from ingest.transfer.importers import ep20_log, nutify, pymysensors, tracker, upslog
from ingest.transfer.records import TransferError

KINDS = (tracker, nutify, pymysensors, ep20_log, upslog, csv_file)


def detect(path, options):
    """The module that reads this file. Raises TransferError, which says what was looked for."""
    if not path.is_file():
        raise TransferError(f"{path} is not there" if not path.exists() else f"{path} is no file")
    try:
        found = next((kind for kind in KINDS if kind.recognise(path, options)), None)
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from error
    if found is None:
        looked_for = "".join(f"\n  - {kind.LOOKED_FOR}" for kind in KINDS)
        raise TransferError(f"{path} is none of the files that can be imported. Looked for:{looked_for}")
    return found
