"""The `voltkeeper` command. Thin: each command reads its options and calls the module that does the work."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from ingest.config import Config, ConfigError, Gateway, Web, is_host_port, load_config, machine_timezone

DEFAULT_CONFIG = "config.yml"


def config_options(command):
    """The options that say what to run on: a file, or a gateway and no file."""
    for option in reversed(
        [
            click.option(
                "--config", "file", type=click.Path(dir_okay=False, path_type=Path), envvar="VOLTKEEPER_CONFIG",
                help=f"The configuration file.  [default: {DEFAULT_CONFIG}]",
            ),
            click.option("--gateway", metavar="HOST:PORT", help="Read this MySensors gateway, without a file."),
            click.option("--port", type=click.IntRange(1, 65535), help="The port of the web site."),
            click.option("--demo-gateway", type=int, hidden=True),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def read_config(file, gateway, port, demo_gateway):
    """The config that the options mean, or None where they name none. Raises ConfigError."""
    if demo_gateway:
        from ingest.demo.site import demo_config

        config = demo_config(demo_gateway)
    elif gateway:
        if not is_host_port(gateway):
            raise ConfigError(f"--gateway is {gateway!r}: HOST:PORT is needed, such as 192.168.1.20:5003")
        config = Config(
            timezone=machine_timezone(),
            database=Path("data/telemetry.db").absolute(),
            gateways=(Gateway("main", tcp=gateway),),
        )
    elif file is not None or Path(DEFAULT_CONFIG).is_file():
        config = load_config(file or DEFAULT_CONFIG)
    else:
        return None
    return replace(config, web=Web(config.web.host, port)) if port else config


def need_config(**options):
    """The config, or the end of the program in words."""
    try:
        config = read_config(**options)
    except ConfigError as error:
        fail(error)
    if config is None:
        fail(
            f"There is no {DEFAULT_CONFIG} here. Copy config.example.yml to {DEFAULT_CONFIG} and edit it, name another "
            "file with --config, or give --gateway HOST:PORT. `voltkeeper up` alone runs a demo house."
        )
    return config


def fail(words, code=2):
    click.echo(str(words), err=True)
    sys.exit(code)


def start(config):
    """What every long-running command does first."""
    from ingest.lifeline import hold_lifeline
    from ingest.log import configure_logging

    configure_logging(config.log)
    hold_lifeline()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="voltkeeper")
def main():
    """Voltkeeper keeps what everything at home that lives on a battery says, and publishes it with Datasette.

    Exit codes: 0 right, 1 failed, 2 wrong usage.
    """


@main.command()
@config_options
def up(**options):
    """Run ingest and the web site together; without a config, a demo house."""
    from ingest.log import configure_logging
    from ingest.up import Supervisor, say_when_open, voltkeeper

    try:
        config = read_config(**options)
    except ConfigError as error:
        fail(error)
    arguments = _arguments(options)
    programs = ["ingest", "web"]
    if config is None:
        from ingest.demo.site import demo_config, make_past

        port = options["demo_gateway"] = free_port()
        config = replace(demo_config(port), web=Web(port=options["port"] or Web().port))
        arguments = _arguments(options)
        programs = ["demo", "ingest", "web"]
    configure_logging(config.log)
    check_port(config.web)
    if config.demo:
        from ingest.demo.site import make_past

        make_past(config, click.echo)
    url = f"http://{'127.0.0.1' if config.web.host in ('0.0.0.0', '::') else config.web.host}:{config.web.port}"
    say_when_open(url, config.title)
    sys.exit(Supervisor([(name, voltkeeper(name, *arguments)) for name in programs]).run())


def _arguments(options):
    names = {"file": "--config", "gateway": "--gateway", "port": "--port", "demo_gateway": "--demo-gateway"}
    return [text for key, name in names.items() if options[key] for text in (name, str(options[key]))]


def free_port():
    """A port of this machine that nobody listens on."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def check_port(web):
    """End in words when the web site's address is taken."""
    import socket

    try:
        socket.create_server((web.host, web.port)).close()
    except OSError as error:
        fail(
            f"Cannot listen on {web.host}:{web.port}: {error.strerror}. Stop the program that does (is Voltkeeper "
            "running already?), or choose another port with --port or web: {port: ...}."
        )


@main.command()
@config_options
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Store the lines of this file as if the one named gateway said them now, and end.",
)  # fmt: skip
@click.argument("names", metavar="[NAME]...", nargs=-1)
def ingest(names, replay, **options):
    """Read the sources of the config, or only those named, into the database."""
    config = need_config(**options)
    start(config)
    from ingest.daemon import replay_file, run_ingest

    if replay is not None:
        if len(names) != 1:
            fail("--replay needs the name of one gateway of the config")
        sys.exit(replay_file(config, names[0], replay))
    sys.exit(run_ingest(config, names))


@main.command()
@config_options
def web(**options):
    """Serve the database with Datasette."""
    config = need_config(**options)
    start(config)
    from ingest.site.server import run_web

    sys.exit(run_web(config))


@main.command()
@config_options
@click.option("--url", metavar="URL", help="Ask the routes of a running site instead, such as http://127.0.0.1:8001")
def check(url, **options):
    """Try every setting and every source; say for each failure what to do about it."""
    from ingest.check import check_config, check_url

    if url:
        sys.exit(check_url(url, click.echo))
    sys.exit(check_config(need_config(**options), click.echo))


@main.command()
@config_options
def status(**options):
    """Is it running, since when, and how fresh is what each source says?"""
    from ingest.check import show_status

    sys.exit(show_status(need_config(**options), click.echo))


@main.command()
@click.option("--demo-gateway", "gateway_port", type=int, default=5003, show_default=True, help="Port of the gateway.")
@click.option("--config", hidden=True)
@click.option("--port", hidden=True)
@click.option("--gateway", hidden=True)
def demo(gateway_port, **_):
    """Run the demo house alone: a MySensors gateway with its nodes, for any controller to connect to."""
    import asyncio

    from ingest.demo.gateway import run_demo
    from ingest.demo.site import anchor

    start(Config())
    asyncio.run(run_demo("127.0.0.1", gateway_port, anchor=anchor()))


@main.command("hash-password")
def hash_password():
    """Ask for a password and print its hash, for `password_hash:` of a person in the config."""
    from datasette_auth_passwords.utils import hash_password as make_hash

    stream = sys.stdin
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True) if stream.isatty() else stream.readline()
    password = password.rstrip("\n")
    if not password:
        fail("An empty password protects nothing")
    click.echo(make_hash(password))
