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
NICE_HISTORY = 12  # of the demo's history: the site starts beside it

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
SITE_PORT = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port of the site; default: that of the running one, else the config's.",
)
CLOCK_IS_RIGHT = click.option(
    "--clock-is-right", is_flag=True, help="Confirm a clock that is suspect: the time that it shows is right."
)
DEMO = click.option("--demo", is_flag=True, hidden=True)


def with_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Add these options to a command, in their order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


SOURCES = with_options(CONFIG, GATEWAY, NUT, MUST, POLL)
# What `voltkeeper up` passes to a part, beside the options of that part.
PASSED = with_options(
    *(click.option(f"--{name}", hidden=True) for name in ("gateway", "nut", "must")),
    click.option("--poll", type=float, hidden=True),
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 failure, 2 wrong usage.",
)
@click.version_option(package_name="voltkeeper")
def main() -> None:
    """MySensors nodes and UPSes in one SQLite file, published with Datasette.

    Start with `voltkeeper up`: without a config.yml it shows a demo house. To connect what you have, run
    `voltkeeper setup`, or try `voltkeeper up --gateway HOST:PORT` or `--nut HOST`.
    """
    follow_parent()


@main.command()
@SOURCES
@PORT
def up(**options: Option) -> None:
    """Run ingest and the site together.

    A process that ends is restarted. Without config.yml and options it runs the demo house, in a separate
    database. Ctrl-C stops it.
    """
    from voltkeeper.up import run_up

    sys.exit(run_up(chosen_config(**options, program="up")))


@main.command()
@CONFIG
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="HOST[:PORT]|DEVICE",
    help="A MySensors gateway to try; may be repeated.",
)
@click.option(
    "--nut", multiple=True, metavar="HOST[:PORT]", help="A NUT server (upsd) to try; may be repeated."
)
@click.option("--must", multiple=True, metavar="DEVICE", help="A MUST EP20 to try; may be repeated.")
@click.option("--title", help="Title of the site; default: Home.")
@click.option("--timezone", metavar="TZ", help="Such as Europe/Rome; default: the machine's.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the site listens on.")
@click.option(
    "--port", default=8001, show_default=True, type=click.IntRange(1, 65535), help="Port of the site."
)
@click.option("--owner", metavar="NAME", help="Name to sign in with; default: owner.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the owner's password from stdin; else one is made."
)
@click.option("--no-search", is_flag=True, help="Do not look for a NUT server and serial ports here.")
@click.option("--untested", is_flag=True, help="Take named sources even if they do not answer.")
@click.option("--replace", is_flag=True, help="Write anew what is there; the old is kept as .before.")
@click.option("--yes", is_flag=True, help="Ask nothing, also on a terminal.")
def setup(
    config: str | None,
    password_stdin: bool,
    no_search: bool,
    yes: bool,
    **options: Option,
) -> None:
    """Write config.yml: try sources, make a password and a token.

    Looks for a NUT server and serial ports on this machine, tries gateways and NUT servers at addresses that
    you name, and asks on a terminal. The secrets go to voltkeeper.env beside the config, which its owner
    alone can read. Nothing that is there is overwritten without being asked for.
    """
    from voltkeeper.config_source import DEFAULT
    from voltkeeper.setup.dialogue import SetupOptions, run_setup

    path = Path(config or os.environ.get("VOLTKEEPER_CONFIG") or DEFAULT)
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not yes
    chosen = SetupOptions(path, search=not no_search, asks=asks, **options)
    sys.exit(run_setup(chosen, password_stdin))


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@SOURCES
@click.option("--port", type=int, hidden=True)
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
@CONFIG
@PORT
@PASSED
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
    from plugins.web.units import read_units_when_asked

    read_units_when_asked()
    from plugins.web.app.server import run_web

    sys.exit(run_web(chosen))


@main.command()
@CONFIG
@PORT
@PASSED
@click.option(
    "--report-death", metavar="NAME", help="Report that this part (ingest, web ...) ends again and again."
)
@click.option("--why", default="", metavar="TEXT", help="How it ended, for --report-death.")
def outbound(report_death: str | None, why: str, **options: Option) -> None:
    """Send alerts.

    Runs where config.yml has alerts: or reports:, beside ingest and the site; `voltkeeper up` starts it.
    """
    lower_priority()
    if report_death is not None:
        from outbound.death_report import report_part

        sys.exit(report_part(chosen_config(**options, looking=True), report_death, why))
    from outbound.daemon import run_outbound

    sys.exit(run_outbound(chosen_config(**options, needs_source=True, program="outbound")))


@main.command()
@CONFIG
@GATEWAY
@NUT
@MUST
@SITE_PORT
@click.option(
    "--url", metavar="http://HOST:PORT", help="Request the pages and queries of this running site instead."
)
@click.option("--send", is_flag=True, help="Send a test to each target of alerts:.")
def check(url: str | None, config: str | None, port: int | None, send: bool, **sources: Option) -> None:
    """Check every source and setting.

    One line each, with the remedy for each failure. The state of sources comes from a running ingest; sources
    that none reads are tried. --gateway, --nut and --must try these alone, whatever config there is. Exit
    code 1 if anything failed.
    """
    if url:
        from voltkeeper.check.http import check_site

        sys.exit(check_site(url))
    from voltkeeper.check import run_check
    from voltkeeper.config_source import Sources

    sys.exit(run_check(config, Sources(**sources), port, send=send))


@main.command()
@CONFIG
@SITE_PORT
def status(**options: Option) -> None:
    """Show what is running, since when, and the age of its data.

    Exit code 1 if ingest is not running.
    """
    from voltkeeper.status import run_status

    sys.exit(run_status(chosen_config(**options, looking=True), options["port"] is not None))


@main.command()
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


@main.command()
@CONFIG
@click.option("--ups", default="", metavar="NAME", help="Mute a UPS, such as rack@closet.")
@click.option("--node", default="", metavar="GATEWAY/NODE_ID", help="Mute a node, such as main/4.")
@click.option("--rule", default="", metavar="NAME", help="Mute a rule of alerts, by its name or number.")
@click.option("--all", "everything", is_flag=True, help="Mute everything.")
@click.option("--for", "for_s", default="", metavar="SECONDS", help="For so many seconds.")
@click.option("--until-end", is_flag=True, help="Until the event ends that is going on and began last.")
@click.option("--reason", default="", help="Why, for others to read.")
@click.option("--end", default="", metavar="NUMBER|all", help="End a mute.")
def mute(config: str | None, end: str, **options: Option) -> None:
    """Mute alerts for a time.

    Without options it lists what is muted. What would be sent is kept as a delivery with the state muted.
    """
    from voltkeeper.mutes import run_end_mute, run_list_mutes, run_mute

    chosen = chosen_config(config, looking=True)
    if end and any(options.values()):
        fail("--end stands alone: it ends a mute")
    if end:
        sys.exit(run_end_mute(chosen, end))
    sys.exit(run_mute(chosen, **options) if any(options.values()) else run_list_mutes(chosen))


@main.group()
def rehearse() -> None:
    """Send what an event would send, marked as a rehearsal.

    Rules, queue and targets are the real ones; no event is stored. Ends within a minute with a table of what
    arrived. Exit code 1 if anything did not.
    """


@rehearse.command("outage")
@CONFIG
@click.option("--ups", default="", metavar="NAME", help="The UPS, such as rack@closet; default: the first.")
@click.option("--low-battery", is_flag=True, help="Its battery runs low, too.")
def rehearse_outage(config: str | None, ups: str, low_battery: bool) -> None:
    """Play an outage of a UPS, from its begin to its end."""
    from voltkeeper.rehearsals import outage, run_rehearsal

    sys.exit(run_rehearsal(chosen_config(config, looking=True), outage(ups, low_battery)))


@rehearse.command("silence")
@CONFIG
@click.option(
    "--node", default="", metavar="GATEWAY/NODE_ID", help="The node, such as main/4; default: the first."
)
def rehearse_silence(config: str | None, node: str) -> None:
    """Play a node that falls silent and is heard again."""
    from voltkeeper.rehearsals import run_rehearsal, silence

    sys.exit(run_rehearsal(chosen_config(config, looking=True), silence(node)))


@rehearse.command("all")
@CONFIG
def rehearse_all(config: str | None) -> None:
    """Play every kind of event that is sent."""
    from voltkeeper.rehearsals import everything, run_rehearsal

    sys.exit(run_rehearsal(chosen_config(config, looking=True), everything))


@main.group()
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


@main.command()
@click.argument("name")
@CONFIG
@click.option(
    "--of",
    metavar="DAY",
    help="A day of its period: 2026-10-14, 2026-10 or 2026; default: the last whole one.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait until it is sent.")
@click.option("--make-only", is_flag=True, hidden=True)
def report(name: str, config: str | None, of: str | None, no_wait: bool, make_only: bool) -> None:
    """Send the report NAME of `reports:` now.

    It is kept in reports/ beside the database, and queued for its targets: `voltkeeper up` sends it. Exit
    code 1 if a target did not get it within a minute.
    """
    import sqlite3

    from ingest.errors import VoltkeeperError
    from outbound.reports.run import print_made, send_report

    lower_priority()
    chosen = chosen_config(config, looking=True, program="report")
    try:
        if make_only:
            print_made(chosen, name, of)
            return
        sys.exit(send_report(chosen, name, of, not no_wait))
    except (VoltkeeperError, OSError, sqlite3.Error) as error:
        fail(error, 1)


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
@click.option("--history", is_flag=True, hidden=True)
def demo(
    host: str,
    port: int,
    serial: Path | None,
    speed: float,
    nut_port: int,
    ep20: Path | None,
    history: bool,
) -> None:
    """Run the demo house alone.

    It simulates a MySensors gateway with a dozen nodes, a NUT server with some UPSes, and a MUST EP20; any
    client of their protocols may connect.
    """
    import asyncio

    from ingest.config.model import Logging
    from ingest.demo.making import anchor
    from ingest.demo.radio.gateway import run_demo
    from ingest.demo.site import FOLDER
    from ingest.demo.ups.history import live_upses
    from ingest.process.log import set_up

    set_up(Logging(), "demo")
    if history:
        from voltkeeper.demo_history import print_history

        lower_priority(NICE_HISTORY)
        print_history(f"{host}:{port}", nut_port)
    options = {"ready": lambda gateway: None} if supervised() else {}
    began = anchor(FOLDER)
    try:
        with live_upses(nut_port, ep20, until=began):
            asyncio.run(
                until_signal(run_demo(host, port, serial=serial, speed=speed, anchor=began, **options))
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
    from ingest.config.checks import timezone_problem
    from ingest.transfer.import_job import import_file

    chosen = chosen_config(config, own=True)
    if timezone is not None and (problem := timezone_problem(timezone)):
        fail(f"--timezone: {problem}")
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


def lower_priority(niceness: int = NICE) -> None:
    """Let ingest run first: a node waits milliseconds for its firmware, and a page may take a little longer.

    Before any thread starts, since each has a priority of its own.
    """
    with suppress(OSError):  # a service manager that sets it may forbid it
        if os.getpriority(os.PRIO_PROCESS, 0) < niceness:
            os.setpriority(os.PRIO_PROCESS, 0, niceness)


def fail(message: object, code: int = WRONG_USE) -> NoReturn:
    """Print why, and end with this exit code."""
    click.echo(str(message), err=True)
    sys.exit(code)
