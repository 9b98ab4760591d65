"""The commands about what is stored: `prune`, `repair`, `backup`, `import`, `export`, `replay`."""

import sys
from pathlib import Path

import click

from voltkeeper.cli.options import CLOCK_IS_RIGHT, CONFIG, chosen_config
from voltkeeper.cli.process import fail, lower_priority


@click.command()
@CONFIG
@click.option("--dry-run", is_flag=True, help="Only list what would be deleted.")
@CLOCK_IS_RIGHT
def prune(config: str | None, dry_run: bool, clock_is_right: bool) -> None:
    """Delete rows older than `retention:` allows.

    Lists them first. The site does this daily. Ingest and the site may keep running; an interrupted prune
    resumes the next time. While the clock of the machine is suspect nothing is deleted.
    """
    from voltkeeper.maintenance import run_prune

    lower_priority()
    sys.exit(run_prune(chosen_config(config, looking=True, program="prune"), dry_run, clock_is_right))


@click.group()
def repair() -> None:
    """Mend what is stored; each repair prints its plan first."""


@repair.command("clock")
@CONFIG
@click.option("--apply", is_flag=True, help="Do what the plan lists.")
@CLOCK_IS_RIGHT
def repair_clock(config: str | None, apply: bool, clock_is_right: bool) -> None:
    """Shift rows that a wrong clock stamped.

    Lists them first: the times between two steps of the clock, by how much it was off, and how many rows.
    Ingest and the site may keep running.
    """
    from voltkeeper.maintenance import run_repair_clock

    lower_priority()
    chosen = chosen_config(config, looking=True, program="repair")
    sys.exit(run_repair_clock(chosen, apply, clock_is_right))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
def backup(file: Path, config: str | None) -> None:
    """Copy the database to FILE.

    Everything may keep running. FILE is created or replaced only when the copy is complete and checked.
    """
    from voltkeeper.maintenance import run_backup

    lower_priority()
    sys.exit(run_backup(chosen_config(config, looking=True, program="backup"), file))


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
@click.option(
    "--timezone",
    metavar="TZ",
    help="Time zone of local times in the file, such as Europe/Rome; default: the config's.",
)
@click.option("--format", help="Format of an upslog file, as given to its -f option; default: upslog's own.")
@click.option(
    "--gateway", metavar="NAME", help="The gateway that messages are imported to; default: the first one."
)
@click.option("--ups", metavar="NAME", help="The UPS that samples are imported to, such as rack@closet.")
def import_(
    file: Path,
    config: str | None,
    timezone: str | None,
    format: str | None,
    gateway: str | None,
    ups: str | None,
) -> None:
    """Import the history of another program.

    FILE is a MySensorsTracker database, a Nutify database, the log of an EP20 monitor, an upslog file,
    pymysensors', Home Assistant's or aiomysensors' JSON, firmware_config.csv of MYSController or FHEM with
    its HEX files beside it, or CSV whose header names columns of Voltkeeper. Importing again adds only what
    is new; ingest may keep running.
    """
    from ingest.config.checks import timezone_problem
    from ingest.transfer.import_job import import_file

    chosen = chosen_config(config, own=True)
    if timezone is not None and (problem := timezone_problem(timezone)):
        fail(f"--timezone: {problem}")
    if not file.is_file():
        fail(f"{file}: no such file")
    lower_priority()
    sys.exit(import_file(chosen, file, timezone=timezone, format=format, gateway=gateway, ups=ups))


@click.command()
@click.argument("target", metavar="DIR")
@CONFIG
@click.option(
    "--house", metavar="NAME", help="Name of the site in the files; default: from the config's title."
)
def export(target: str, config: str | None, house: str | None) -> None:
    """Write tables as Parquet files to DIR.

    DIR is a folder, or the address of an object store such as s3://bucket/lake, with credentials from the
    environment. Adds what is new since the last export. Several sites may share a DIR. Requires DuckDB, an
    optional dependency, and for an object store fsspec (voltkeeper[lake]).
    """
    from ingest.transfer.export_job import export_tables

    lower_priority()
    sys.exit(export_tables(chosen_config(config, looking=True), target, house))


@click.command()
@click.argument("outage")
@CONFIG
@click.option("--to", metavar="DIR", type=click.Path(path_type=Path), help="Write the files to DIR.")
@click.option(
    "--serve",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    help="Serve it on this port of 127.0.0.1; 0: any free one.",
)
@click.option(
    "--speed",
    metavar="N",
    type=click.FloatRange(0.1, 10_000),
    help="Recorded seconds per second, for --serve; default: 1.",
)
def replay(outage: str, config: str | None, to: Path | None, serve: int | None, speed: float | None) -> None:
    """Play a recorded outage again for clients of NUT.

    OUTAGE is an id of the view outages, as the address of the outage's page has it, or a day such as
    2026-11-20; all UPSes that took part are played. --to writes a .seq and a .dev file of each for NUT's
    driver dummy-ups, with at least 10 s on mains before and after. --serve is a NUT server on this machine
    with each UPS under its bare name (user and password: replay), which stays on mains afterwards until
    Ctrl-C. Let upsmon have a SHUTDOWNCMD that does nothing.
    """
    from datetime import date

    from voltkeeper.replays import run_serve, run_write_files

    if (to is None) == (serve is None):
        fail("Either --to DIR or --serve PORT says what to do with the outage")
    if to is not None and speed is not None:
        fail("--speed is for --serve: dummy-ups plays a file in its own time")
    if not (outage.isascii() and outage.isdigit()):
        try:
            date.fromisoformat(outage)
        except ValueError:
            fail(f"{outage}: neither the id of an outage, such as 12, nor a day, such as 2026-11-20")
    lower_priority()
    chosen = chosen_config(config, looking=True, program="replay")
    if to is not None:
        sys.exit(run_write_files(chosen, outage, to))
    sys.exit(run_serve(chosen, outage, serve or 0, speed or 1.0))
