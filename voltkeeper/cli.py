"""The command line, `voltkeeper`: thin.

Each command imports the module that does its work when it is used.
"""

import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from voltkeeper.parent_pipe import follow_parent, supervised

if TYPE_CHECKING:
    from ingest.config.model import Config

WRONG_USE = 2
NICE = 10  # of all but ingest

Command = TypeVar("Command", bound=Callable[..., object])
Option = Any  # the value of an option, of the type that click gives it

CONFIG = click.option(
    "--config", metavar="FILE", help="Config file; default: config.yml, or $VOLTKEEPER_CONFIG."
)
GATEWAY = click.option(
    "--gateway", metavar="HOST:PORT", help="A MySensors gateway, in place of a config file."
)
NUT = click.option(
    "--nut", metavar="HOST[:PORT]", help="A NUT server (upsd) with all its UPSes, in place of a config file."
)
MUST = click.option(
    "--must",
    metavar="DEVICE",
    help="A MUST EP20 on a serial port, such as /dev/ttyUSB0, in place of a config file.",
)
POLL = click.option(
    "--poll",
    metavar="S",
    type=click.FloatRange(1, 3600),
    help="Seconds between two samples, for --nut and --must.",
)
PORT = click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of the site; default 8001. 0: any free one."
)
DEMO = click.option("--demo", is_flag=True, hidden=True)


def config_options(command: Command) -> Command:
    """Add the options that choose the config that a command runs with."""
    for option in (PORT, POLL, MUST, NUT, GATEWAY, CONFIG):
        command = option(command)
    return command


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 failure, 2 wrong usage.",
)
@click.version_option(package_name="voltkeeper")
def main() -> None:
    """MySensors nodes and UPSes in one SQLite file, published with Datasette.

    Start with `voltkeeper up`: without a config.yml it shows a demo house. To connect what you have, copy
    config.example.yml to config.yml, or try `voltkeeper up --gateway HOST:PORT` or `--nut HOST`.
    """
    follow_parent()


@main.command()
@config_options
def up(**options: Option) -> None:
    """Run ingest and the site together.

    A process that ends is restarted. Without config.yml and options it runs the demo house, in a separate
    database. Ctrl-C stops it.
    """
    from voltkeeper.up import run_up

    sys.exit(run_up(chosen_config(**options, program="up")))


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@config_options
@DEMO
@click.option(
    "--replay",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read recorded lines from FILE in place of the connection of the gateway NAME.",
)
def ingest(names: tuple[str, ...], replay: Path | None, **options: Option) -> None:
    """Read the sources into the database.

    All sources of the config, or only those NAMEd, until Ctrl-C or SIGTERM.
    """
    from ingest.daemon import run_ingest

    chosen = chosen_config(**options, needs_source=True, program="ingest")
    sys.exit(run_ingest(chosen, names, replay=replay))


@main.command()
@config_options
@DEMO
def web(**options: Option) -> None:
    """Run the site alone.

    Creates the database if there is none; a separate `voltkeeper ingest` fills it.
    """
    lower_priority()
    chosen = chosen_config(**options, needs_source=True, program="web")
    if not supervised():
        from voltkeeper.up import SitePortError, claim

        try:
            claim(chosen.web.host, chosen.web.port).close()
        except SitePortError as error:
            fail(error, error.code)
    from plugins.web.app.server import run_web

    sys.exit(run_web(chosen))


@main.command()
@config_options
@click.option(
    "--url", metavar="http://HOST:PORT", help="Request the pages and queries of this running site instead."
)
def check(url: str | None, config: str | None, port: int | None, **sources: Option) -> None:
    """Check every source and setting.

    One line each, with the remedy for each failure. The state of sources comes from a running ingest; sources
    that none reads are tried. Exit code 1 if anything failed.
    """
    if url:
        from voltkeeper.check.http import check_site

        sys.exit(check_site(url))
    from voltkeeper.check import run_check
    from voltkeeper.config_source import Sources

    sys.exit(run_check(config, Sources(**sources), port))


@main.command()
@config_options
def status(**options: Option) -> None:
    """Show what is running, since when, and the age of its data.

    Exit code 1 if ingest is not running.
    """
    from voltkeeper.status import run_status

    sys.exit(run_status(chosen_config(**options, looking=True)))


@main.command()
@CONFIG
@click.option("--dry-run", is_flag=True, help="Only list what would be deleted.")
def prune(config: str | None, dry_run: bool) -> None:
    """Delete rows older than `retention:` allows.

    Lists them first. The site does this daily. Ingest and the site may keep running; an interrupted prune
    resumes the next time.
    """
    from voltkeeper.maintenance import run_prune

    lower_priority()
    sys.exit(run_prune(chosen_config(config, looking=True, program="prune"), dry_run))


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
def backup(file: Path, config: str | None) -> None:
    """Copy the database to FILE.

    Everything may keep running. FILE is created or replaced only when the copy is complete and checked.
    """
    from voltkeeper.maintenance import run_backup

    lower_priority()
    sys.exit(run_backup(chosen_config(config, looking=True, program="backup"), file))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=5003, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--serial", type=click.Path(path_type=Path), help="Serve a serial gateway at this path in place of TCP."
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 10_000),
    help="Simulated seconds per second.",
)
@click.option(
    "--nut-port", default=3493, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--ep20", type=click.Path(path_type=Path), help="Path of the serial port of the EP20; default: none."
)
def demo(host: str, port: int, serial: Path | None, speed: float, nut_port: int, ep20: Path | None) -> None:
    """Run the demo house alone.

    It simulates a MySensors gateway with a dozen nodes, a NUT server with some UPSes, and a MUST EP20; any
    client of their protocols may connect.
    """
    import asyncio

    from ingest.config.model import Logging
    from ingest.demo.radio.gateway import run_demo
    from ingest.demo.site import anchor
    from ingest.demo.ups.history import live_upses
    from ingest.process.log import set_up

    set_up(Logging(), "demo")
    options = {"ready": lambda gateway: None} if supervised() else {}
    try:
        with live_upses(nut_port, ep20, until=anchor()):
            asyncio.run(
                until_signal(run_demo(host, port, serial=serial, speed=speed, anchor=anchor(), **options))
            )
    except OSError as error:
        where_to = f"{serial or f'{host}:{port}'} and 127.0.0.1:{nut_port}"
        fail(f"The demo house cannot listen on {where_to}: {error.strerror}. Choose others.")


@main.command("import")
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
    from ingest.config.checks import is_timezone
    from ingest.transfer.import_job import import_file

    chosen = chosen_config(config, own=True)
    if timezone is not None and not is_timezone(timezone):
        fail(f"--timezone {timezone!r} is not a time zone; they look like Europe/Rome, America/New_York, UTC")
    if not file.is_file():
        fail(f"{file}: no such file")
    lower_priority()
    sys.exit(import_file(chosen, file, timezone=timezone, format=format, gateway=gateway, ups=ups))


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@CONFIG
@click.option(
    "--house", metavar="NAME", help="Name of the site in the files; default: from the config's title."
)
def export(folder: Path, config: str | None, house: str | None) -> None:
    """Write tables as Parquet files to DIR.

    Adds what is new since the last export. Several sites may share a DIR. Requires DuckDB, an optional
    dependency.
    """
    from ingest.transfer.export_job import export_tables

    lower_priority()
    sys.exit(export_tables(chosen_config(config, looking=True), folder, house))


@main.command("hash-password")
def hash_password() -> None:
    """Print the hash of a password.

    For password_hash: under access: in config.yml. Prompts for the password twice; reads one line of stdin if
    that is not a terminal.
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        fail("The password is empty.")
    from datasette_auth_passwords.utils import hash_password as hashed

    click.echo(hashed(password))


async def until_signal(work: Coroutine[object, object, object]) -> None:
    """Await something until SIGTERM or SIGINT."""
    import asyncio

    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def chosen_config(
    config: str | None,
    port: int | None = None,
    demo: bool = False,
    needs_source: bool = False,
    looking: bool = False,
    own: bool = False,
    program: str | None = None,
    **options: Option,
) -> "Config":
    """Return the Config of a command's options, with logging as it says where a `program` is named.

    Ends with exit code 2 and a message where there is none, or where its log cannot be written.
    """
    from ingest.config.model import ConfigError
    from ingest.process.log import set_up
    from voltkeeper.config_source import Sources, choose_config, named_file, own_config

    sources = Sources(**options)
    try:
        if needs_source and not (demo or sources or named_file(config)):
            raise ConfigError(
                "There is no config.yml here: copy config.example.yml to it, or give --gateway, --nut or "
                "--must. `voltkeeper up` alone runs the demo house."
            )
        chosen = own_config(config) if own else choose_config(config, sources, port, demo, looking)
    except ConfigError as error:
        fail(error)
    try:
        if program is not None:
            set_up(chosen.log, program, timezone=chosen.timezone)
    except OSError as error:
        fail(f"log.file: {chosen.log.file} cannot be written: {error.strerror}")
    return chosen


def lower_priority() -> None:
    """Let ingest run first: a node waits milliseconds for its firmware, and a page may take a little longer.

    Before any thread starts, since each has a priority of its own.
    """
    with suppress(OSError):  # a service manager that sets it may forbid it
        if os.getpriority(os.PRIO_PROCESS, 0) < NICE:
            os.setpriority(os.PRIO_PROCESS, 0, NICE)


def fail(message: object, code: int = WRONG_USE) -> NoReturn:
    """Print why, and end with this exit code."""
    click.echo(str(message), err=True)
    sys.exit(code)
