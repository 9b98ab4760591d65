"""The commands that prepare and examine an installation: `setup`, `hash-password`, `check`, `status`."""

import os
import sys
from pathlib import Path

import click

from voltkeeper.cli.options import (
    CONFIG,
    GATEWAY,
    MQTT,
    MQTT_PREFIX,
    MUST,
    NUT,
    SITE_PORT,
    Option,
    chosen_config,
)
from voltkeeper.cli.process import fail


@click.command()
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
@click.option("--mqtt", multiple=True, metavar="HOST[:PORT]", help="An MQTT broker to try; may be repeated.")
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

    Looks for a NUT server and serial ports on this machine, tries gateways, NUT servers and MQTT brokers at
    addresses that you name, and asks on a terminal. The secrets go to voltkeeper.env beside the config, which
    its owner alone can read. Nothing that is there is overwritten without being asked for.
    """
    from voltkeeper.config_source import DEFAULT
    from voltkeeper.setup.dialogue import SetupOptions, run_setup

    path = Path(config or os.environ.get("VOLTKEEPER_CONFIG") or DEFAULT)
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not yes
    chosen = SetupOptions(path, search=not no_search, asks=asks, **options)
    sys.exit(run_setup(chosen, password_stdin))


@click.command("hash-password")
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


@click.command()
@CONFIG
@GATEWAY
@MQTT
@MQTT_PREFIX
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
    that none reads are tried. --gateway, --mqtt, --nut and --must try these alone, whatever config there is.
    Exit code 1 if anything failed.
    """
    if url:
        from voltkeeper.check.http import check_site

        sys.exit(check_site(url))
    from voltkeeper.check import run_check
    from voltkeeper.config_source import Sources

    sys.exit(run_check(config, Sources(**sources), port, send=send))


@click.command()
@CONFIG
@SITE_PORT
def status(**options: Option) -> None:
    """Show what is running, since when, and the age of its data.

    Exit code 1 if ingest is not running.
    """
    from voltkeeper.status import run_status

    sys.exit(run_status(chosen_config(**options, looking=True), options["port"] is not None))
