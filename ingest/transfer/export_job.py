"""`voltkeeper export`: what has come since the last run as Parquet files."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import click

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.db.locks import LockedError, lock_file
from ingest.maintenance.retention import count_rows
from ingest.process import progress
from ingest.transfer.parquet_export import RANGE_ROWS, Export
from ingest.transfer.parquet_writer import ParquetWriter, need_duckdb
from ingest.transfer.records import TransferError
from ingest.transfer.stream_import import ProgressBar

HOUSE = re.compile(r"[a-z0-9_-]+")


def house_name(text: str) -> str:
    """A title as a name for files: 'Hill house' is hill-house."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-") or "house"


def run_export(
    config: Config,
    folder: Path | str,
    house: str | None = None,
    bar: ProgressBar = progress.ProgressBar,
    range_rows: int = RANGE_ROWS,
) -> Export:
    """Write what has come since the last run. Returns the Export.

    Raises TransferError, LockedError, sqlite3.Error, OSError.
    """
    house = house or house_name(config.title)
    if not HOUSE.fullmatch(house):
        raise TransferError(f"--house {house!r}: use small letters, digits, - and _")
    if not config.database.exists():
        raise TransferError(f"{config.database}: no such file; nothing has been stored yet")
    folder = Path(folder)
    need_duckdb()
    folder.mkdir(parents=True, exist_ok=True)
    prefix = f".voltkeeper-{house}"
    message = "Another export of this house to this DIR is running: wait for it"
    with (
        lock_file(folder / f"{prefix}.lock", wait=False, message=message),
        ParquetWriter(folder / f"{prefix}.rows") as writer,
        closing(connect(config.database, readonly=True)) as connection,
    ):
        export = Export(connection, folder, house, writer, range_rows)
        export.run(bar)
    return export


def export_tables(config: Config, folder: Path | str, house: str | None, range_rows: int = RANGE_ROWS) -> int:
    """Export and print what was written. Returns an exit code."""
    try:
        export = run_export(config, folder, house, range_rows=range_rows)
    except (TransferError, LockedError) as error:
        click.echo(str(error), err=True)
        return 1
    except (sqlite3.Error, OSError) as error:
        click.echo(f"The export of {config.database} stopped: {error}. Run it again to resume.", err=True)
        return 1
    for note in export.notes:
        click.echo(note)
    for table, number in export.rows.items():
        click.echo(f"{table}: {count_rows(number)}")
    return 0
