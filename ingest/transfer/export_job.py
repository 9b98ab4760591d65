"""`voltkeeper export`: what has come since the last run as Parquet files."""

import errno
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import click

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.db.locks import LockedError
from ingest.maintenance.retention import count_rows
from ingest.process import progress
from ingest.schema.migrate import own_version
from ingest.schema.site import READ_KEY
from ingest.transfer.export_state import ExportState
from ingest.transfer.lake import FolderLake
from ingest.transfer.parquet_export import RANGE_ROWS, Export, SiteFacts
from ingest.transfer.parquet_writer import ParquetWriter, need_duckdb
from ingest.transfer.records import TransferError
from ingest.transfer.store_lake import StoreLake
from ingest.transfer.stream_import import ProgressBar

HOUSE = re.compile(r"[a-z0-9_-]+")
LOCAL = re.compile(r"(?:file|local)://")
REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space",
    errno.EDQUOT: "The quota of this user is used up: free some space",
    errno.EACCES: "Give this user the right to write there",
    errno.EPERM: "Give this user the right to write there",
    errno.EROFS: "The file system is read-only: mount it for writing",
    errno.ENOTDIR: "Name a folder",
    errno.EEXIST: "Name a folder",
}


def house_name(text: str) -> str:
    """A title as a name for files: 'Hill house' is hill-house."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-") or "house"


def run_export(
    config: Config,
    target: Path | str,
    house: str | None = None,
    bar: ProgressBar = progress.ProgressBar,
    range_rows: int = RANGE_ROWS,
) -> Export:
    """Write what has come since the last run to a folder, or to the URL of an object store.

    Returns the Export. Raises TransferError, LockedError, sqlite3.Error, OSError.
    """
    if house is not None and not HOUSE.fullmatch(house):
        raise TransferError(f"--house {house!r}: use small letters, digits, - and _")
    if not config.database.exists():
        raise TransferError(f"{config.database}: no such file; nothing has been stored yet")
    need_duckdb()
    with closing(connect(config.database, readonly=True)) as connection:
        site = SiteFacts(_site_key(connection), config.title, config.timezone, own_version())
        name, lake = _claim(str(target), site, house)
        with lake.opened(), ParquetWriter(lake.work / "rows.json") as writer:
            state = ExportState.from_json(lake.read_state() or "{}", f"The state of {name} in {target}")
            if state.site not in ("", site.site_key):
                raise TransferError(
                    f"Another site has taken the name {name} in {target} just now: run it again"
                )
            state.site = site.site_key
            export = Export(connection, lake, name, state, writer, range_rows)
            export.run(bar, site)
    return export


def _site_key(connection: sqlite3.Connection) -> str:
    try:
        return str(connection.execute(READ_KEY).fetchone()[0])
    except sqlite3.OperationalError as error:
        raise TransferError(
            "The database is of an earlier version: start ingest or the site once, which bring it up to date"
        ) from error


def _claim(target: str, site: SiteFacts, house: str | None) -> tuple[str, FolderLake | StoreLake]:
    """The name of this site in this place: the wanted one, with the site's key where that is taken."""
    wanted = house_name(site.title)
    for name in (house,) if house else (wanted, f"{wanted}-{site.site_key}"):
        lake = _open(target, name)
        if lake.create_state(ExportState(site.site_key).to_json()):
            return name, lake
        owner = ExportState.from_json(lake.read_state() or "{}", f"The state of {name} in {target}").site
        if owner in ("", site.site_key):  # empty: an earlier version's
            return name, lake
    raise TransferError(
        f"{target} has files of another site with the name {house or wanted}: choose another one with --house"
    )


def _open(target: str, house: str) -> FolderLake | StoreLake:
    if "://" in target and not LOCAL.match(target):
        return StoreLake(target, house)
    folder = Path(LOCAL.sub("", target))
    folder.mkdir(parents=True, exist_ok=True)
    return FolderLake(folder, house)


def export_tables(config: Config, target: Path | str, house: str | None, range_rows: int = RANGE_ROWS) -> int:
    """Export and print what was written. Returns an exit code."""
    try:
        export = run_export(config, target, house, range_rows=range_rows)
    except (TransferError, LockedError) as error:
        click.echo(str(error), err=True)
        return 1
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0, "Mend that")
        click.echo(
            f"The export to {target} stopped: {error}. {remedy}, and run it again to resume.", err=True
        )
        return 1
    except sqlite3.Error as error:
        click.echo(f"The export of {config.database} stopped: {error}. Run it again to resume.", err=True)
        return 1
    for note in export.notes:
        click.echo(note)
    if export.house != (house or house_name(config.title)):
        click.echo(f"The files are named {export.house}: another site of the same title exports there, too.")
    for table, number in export.rows.items():
        click.echo(f"{table}: {count_rows(number)}")
    return 0
