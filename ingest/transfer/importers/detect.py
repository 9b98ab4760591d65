"""Which program wrote a file."""

from pathlib import Path

from ingest.transfer.importers.aiomysensors import AiomysensorsSource
from ingest.transfer.importers.csv import CsvSource
from ingest.transfer.importers.ep20_log import Ep20LogSource
from ingest.transfer.importers.firmware_list import FirmwareListSource
from ingest.transfer.importers.hints import hint
from ingest.transfer.importers.nutify import NutifySource
from ingest.transfer.importers.pymysensors import PymysensorsSource
from ingest.transfer.importers.source import ImportSource
from ingest.transfer.importers.tracker import TrackerSource
from ingest.transfer.importers.upslog import UpslogSource
from ingest.transfer.records import ImportOptions, TransferError

SOURCES: tuple[type[ImportSource], ...] = (
    TrackerSource,
    NutifySource,
    PymysensorsSource,
    AiomysensorsSource,
    FirmwareListSource,
    Ep20LogSource,
    UpslogSource,
    CsvSource,
)


def detect(path: Path, options: ImportOptions) -> type[ImportSource]:
    """The class that reads this file. Raises TransferError, whose message lists what was looked for."""
    if not path.is_file():
        raise TransferError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        found = next((source for source in SOURCES if source.recognises(path, options)), None)
        remedy = hint(path) if found is None else None
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from error
    if remedy is not None:
        raise TransferError(f"{path}: {remedy}")
    if found is None:
        looked_for = "".join(f"\n  - {source.looked_for}" for source in SOURCES)
        raise TransferError(f"{path}: not a file that can be imported. Looked for:{looked_for}")
    return found
