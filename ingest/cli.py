"""The command line, `voltkeeper`: thin; what a command does lives in the module that it imports when it is used."""

import sys
from pathlib import Path

import click

from ingest.parent import follow_parent, supervised

WRONG_USE = 2

CONFIG = click.option(
    "--config", metavar="FILE", help="The config; default: config.yml, or what VOLTKEEPER_CONFIG names."
)
GATEWAY = click.option("--gateway", metavar="HOST:PORT", help="A MySensors gateway; runs without a config file.")
PORT = click.option("--port", type=click.IntRange(0, 65535), help="Port of the site; default 8001. 0: any free one.")
DEMO = click.option("--demo", is_flag=True, hidden=True)


def where(command):
    """The options that say which config a command runs with."""
    return CONFIG(GATEWAY(PORT(command)))


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]}, epilog="Exit codes: 0 right, 1 failed, 2 wrong usage."
)
@click.version_option(package_name="voltkeeper")
def main():
    """MySensors nodes in one SQLite file, published with Datasette.

    Start with `voltkeeper up`: without a config.yml it shows a demo house. To connect your gateway, copy
    config.example.yml to config.yml, or try `voltkeeper up --gateway HOST:PORT`.
    """
    follow_parent()


@main.command()
@where
def up(config, gateway, port):
    """Run ingest and the site together.

    What ends is started again. Without config.yml and options it is the demo house, in a database of its own.
    Ctrl-C ends it.
    """
    chosen = chosen_config(config, gateway, port)
    log_as(chosen, "up")
    from ingest.up import run_up

    sys.exit(run_up(chosen))


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@where
@DEMO
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Lines of a gateway, one a line, read instead of the connection of the gateway NAME.",
)
def ingest(names, config, gateway, port, demo, replay):
    """Read gateways into the database.

    All of the config, or only those that are NAMEd; until Ctrl-C or SIGTERM.
    """
    chosen = chosen_config(config, gateway, port, demo, needs_source=True)
    log_as(chosen, "ingest")
    from ingest.daemon import run_ingest

    sys.exit(run_ingest(chosen, names, replay=replay))


@main.command()
@where
@DEMO
def web(config, gateway, port, demo):
    """Run the site alone.

    It makes the database where there is none, and shows what others read into it.
    """
    chosen = chosen_config(config, gateway, port, demo, needs_source=True)
    log_as(chosen, "web")
    if not supervised():
        from ingest.up import PortError, claim

        try:
            claim(chosen.web.host, chosen.web.port).close()
        except PortError as error:
            wrong_use(error)
    from ingest.site.server import run_web

    sys.exit(run_web(chosen))


@main.command()
@where
@click.option("--url", metavar="http://HOST:PORT", help="Ask the routes of this running site instead.")
def check(config, gateway, port, url):
    """Look at every source and setting.

    One line each, with the remedy where something is wrong. A running ingest is asked how its gateways are; otherwise
    each gateway is tried. Exit code 1 if anything failed.
    """
    if url:
        from ingest.routes import check_site

        sys.exit(check_site(url))
    from ingest.check import run_check

    sys.exit(run_check(config, gateway, port))


@main.command()
@where
def status(config, gateway, port):
    """Say what runs, since when, how fresh.

    Exit code 1 when ingest does not run.
    """
    from ingest.running import run_status

    sys.exit(run_status(chosen_config(config, gateway, port, looking=True)))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5003, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--serial", type=click.Path(path_type=Path), help="Be a serial gateway at this path instead.")
@click.option(
    "--speed", default=1.0, show_default=True, type=click.FloatRange(0.1, 10_000), help="House seconds in a second."
)
def demo(host, port, serial, speed):
    """Run the demo house alone.

    It is a MySensors gateway with a dozen nodes; any controller may connect to it.
    """
    import asyncio

    from ingest.config import Log
    from ingest.demo.gateway import run_demo
    from ingest.demo.site import anchor
    from ingest.log import set_up

    set_up(Log(), "demo")
    options = {"ready": lambda gateway: None} if supervised() else {}
    try:
        asyncio.run(until_signal(run_demo(host, port, serial=serial, speed=speed, anchor=anchor(), **options)))
    except OSError as error:
        where_to = serial or f"{host}:{port}"
        wrong_use(f"The demo gateway cannot listen on {where_to}: {error.strerror}. Choose another one.")


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
@click.option("--timezone", metavar="TZ", help="Of local times in the file, such as Europe/Rome; default: the config's.")
@click.option("--format", help="Of an upslog file, as its -f option had it; default: upslog's own.")
@click.option("--gateway", metavar="NAME", help="The gateway that messages go to; default: the first one.")
@click.option("--ups", metavar="NAME", help="The UPS that samples go to, such as rack@closet.")
def import_(file, config, timezone, format, gateway, ups):
    """Bring the history of another program along.

    FILE is a MySensorsTracker database, a Nutify database, the log of an EP20 monitor, an upslog file, pymysensors'
    JSON, or CSV whose header names our columns. Nothing comes twice, however often it is run, and ingest may go on.
    """
    from ingest.config import is_timezone
    from ingest.moving.run import import_file

    chosen = chosen_config(config, None, None, own=True)
    if timezone is not None and not is_timezone(timezone):
        wrong_use(f"--timezone {timezone!r} is no time zone; they look like Europe/Rome, America/New_York, UTC")
    if not file.is_file():
        wrong_use(f"{file} is no file that is there")
    sys.exit(import_file(chosen, file, timezone=timezone, format=format, gateway=gateway, ups=ups))


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@CONFIG
@click.option("--house", metavar="NAME", help="Name of the house in the files; default: from the config's title.")
def export(folder, config, house):
    """Write tables as Parquet files to DIR.

    What has come since the last time is added. Several houses may share a DIR. It needs DuckDB, an optional part.
    """
    from ingest.moving.export import export_tables

    sys.exit(export_tables(chosen_config(config, None, None, looking=True), folder, house))


@main.command("hash-password")
def hash_password():
    """Print the hash of a password.

    It is for password_hash: under access: in config.yml. The password is asked for, twice; it is one line of stdin
    where that is no terminal.
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        wrong_use("The password is empty.")
    from datasette_auth_passwords.utils import hash_password as hashed

    click.echo(hashed(password))


async def until_signal(work):
    """Await something until SIGTERM or SIGINT."""
    import asyncio
    import signal

    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait((task,))
    if not task.cancelled():
        task.result()


def chosen_config(path, gateway, port, demo=False, needs_source=False, looking=False, own=False):
    """The Config of a command's options; ends with exit code 2, in words, where there is none."""
    from ingest.choose import choose_config, named_file, own_config
    from ingest.config import ConfigError

    try:
        if needs_source and not (demo or gateway or named_file(path)):
            raise ConfigError(
                "There is no config.yml here: copy config.example.yml to it, or give --gateway HOST:PORT."
                " `voltkeeper up` alone runs the demo house."
            )
        return own_config(path) if own else choose_config(path, gateway, port, demo, looking)
    except ConfigError as error:
        wrong_use(error)


def log_as(config, program):
    """Log as the config says; ends with exit code 2 where its file cannot be written."""
    from ingest.log import set_up

    try:
        set_up(config.log, program)
    except OSError as error:
        wrong_use(f"log.file: {config.log.file} cannot be written: {error.strerror}")


def wrong_use(words):
    click.echo(str(words), err=True)
    sys.exit(WRONG_USE)
