"""Options that several commands share, and the Config that they choose."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from voltkeeper.cli.process import fail

if TYPE_CHECKING:
    from ingest.config.model import Config

Command = TypeVar("Command", bound=Callable[..., object])
Option = Any  # the value of an option, of the type that click gives it

CONFIG = click.option(
    "--config", metavar="FILE", help="Config file; default: config.yml, or $VOLTKEEPER_CONFIG."
)
GATEWAY = click.option(
    "--gateway", metavar="HOST:PORT", help="A MySensors gateway, in place of a config file."
)
MQTT = click.option(
    "--mqtt",
    metavar="HOST[:PORT]",
    help="The MQTT broker of a MySensors gateway, in place of a config file.",
)
MQTT_PREFIX = click.option(
    "--mqtt-prefix",
    metavar="PREFIX",
    help="Its topics: it publishes below PREFIX-out and takes orders below PREFIX-in; default: mygateway1.",
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


SOURCES = with_options(CONFIG, GATEWAY, MQTT, MQTT_PREFIX, NUT, MUST, POLL)
# What `voltkeeper up` passes to a part, beside the options of that part.
PASSED = with_options(
    *(click.option(f"--{name}", hidden=True) for name in ("gateway", "mqtt", "mqtt-prefix", "nut", "must")),
    click.option("--poll", type=float, hidden=True),
)


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
                "There is no config.yml here: copy config.example.yml to it, or give --gateway, --mqtt, "
                "--nut or --must. `voltkeeper up` alone runs the demo house."
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
