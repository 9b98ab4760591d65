"""`voltkeeper import`: the files of other programs into the database."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from ingest.config.model import Config
from ingest.db.connection import connect, transaction
from ingest.db.locks import LockedError, lock_byte
from ingest.db.reserved_ids import HOLDERS
from ingest.forecast.forecaster import Forecaster
from ingest.maintenance.retention import count_rows, describe_item, read_plan
from ingest.mysensors.registry import number_gateways
from ingest.process import progress
from ingest.schema.migrate import migrate
from ingest.transfer.importers.detect import detect
from ingest.transfer.records import ImportOptions, TransferError
from ingest.transfer.samples import Samples
from ingest.transfer.stream_import import ImportTiming, Outcome, ProgressBar, StreamImport

LOCK_OFFSET = 1 << 20  # byte of the lock file that an import holds
WITHOUT_CONFIG = "main"  # what `--gateway HOST:PORT` calls its gateway
TIMING = ImportTiming()
FROM_SAMPLES = "events that these samples show"


def run_import(
    config: Config,
    path: Path | str,
    timezone: str | None = None,
    gateway: str | None = None,
    ups: str | None = None,
    format: str | None = None,
    bar: ProgressBar = progress.ProgressBar,
    timing: ImportTiming = TIMING,
) -> tuple[str, list[Outcome]]:
    """Import a file. Returns (what it is, Outcomes). Raises TransferError, LockedError."""
    path = Path(path)
    options = ImportOptions(
        timezone or config.timezone,
        config.timezone,
        ups=ups,
        format=format,
        configured_upses=_configured_upses(config),
        settings=config.ups,
        variables=config.variables,
    )
    kind = detect(path, options)
    migrate(config.database)
    with closing(connect(config.database)) as connection, _exclusively(config.database):
        options.gateway = choose_gateway(connection, config, gateway)
        with closing(kind(path, options)) as source:
            outcomes = []
            for stream, sink in source.streams():
                job = StreamImport(connection, stream, sink, source.kind, source.target, path.name, timing)
                outcomes.append(job.run(bar))
                if isinstance(sink, Samples) and sink.made:
                    outcomes.append(Outcome(FROM_SAMPLES, sink.made))
            outcomes += [
                Outcome(state.what, *state.save(connection), verb=state.verb) for state in source.states()
            ]
    # Where ingest runs it does the same; a file that only the site reads has its forecasts, too.
    Forecaster(config.database, config.timezone).look()
    return kind.title, outcomes


def choose_gateway(connection: sqlite3.Connection, config: Config, name: str | None) -> int:
    """The number of the gateway that messages go to: `name`, else the first. Raises TransferError."""
    if config.gateways:
        number_gateways(connection, [(one.name, one.address) for one in config.gateways])
    known: dict[str, int] = dict(connection.execute("select name, id from gateways order by id"))
    if not known and name in (None, WITHOUT_CONFIG):
        with transaction(connection):
            connection.execute(
                "insert into gateways (id, name, address, configured) values (0, ?, '', 0)", (WITHOUT_CONFIG,)
            )
        return 0
    if name is None:
        return min(known.values())
    if name not in known:
        there = ", ".join(known) or "none, name it in config.yml first"
        raise TransferError(f"There is no gateway {name!r}; there are: {there}")
    return known[name]


def _configured_upses(config: Config) -> tuple[str, ...]:
    """Names of the UPSes that the config lists."""
    servers = [f"{ups}@{server.name}" for server in config.nut for ups in server.ups]
    return (*servers, *(device.name for device in config.must))


@contextmanager
def _exclusively(database: Path) -> Iterator[None]:
    """Raises LockedError while another import runs: two would share the same reserved ids."""
    message = f"Another import into {database} is running: wait for it"
    descriptor = lock_byte(f"{database}.lock", LOCK_OFFSET, message)
    try:
        yield
    finally:
        os.close(descriptor)


def import_file(
    config: Config,
    path: Path | str,
    timezone: str | None = None,
    gateway: str | None = None,
    ups: str | None = None,
    format: str | None = None,
    timing: ImportTiming = TIMING,
) -> int:
    """Import and print the outcome. Returns an exit code."""
    try:
        title, outcomes = run_import(config, path, timezone, gateway, ups, format, timing=timing)
    except (TransferError, LockedError) as error:
        click.echo(str(error), err=True)
        return 1
    except (sqlite3.Error, OSError) as error:
        click.echo(f"The import stopped: {error}. Stored rows are kept; run it again to resume.", err=True)
        return 1
    click.echo(f"{path}: {title}, imported into {config.database}")
    for outcome in outcomes:
        earlier = f" ({count_rows(outcome.earlier)} read before)" if outcome.earlier else ""
        click.echo(f"  {outcome.what}: {outcome.stored:,} {outcome.verb}{earlier}")
        for reason, number in sorted(outcome.skipped.items()):
            click.echo(f"    {number:,} skipped: {reason}")
    for item in read_plan(config.database, config.retention):
        if item.rows and item.table in HOLDERS:
            setting = f"retention: {{{item.policy.setting}: null}}"
            click.echo(f"The next prune deletes {describe_item(item)}. `{setting}` in the config keeps them.")
    return 0
