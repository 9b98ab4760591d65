"""Which config a command runs with: a file, the options of the command line, or the demo house."""

import os
from dataclasses import replace
from pathlib import Path

from ingest.config import ConfigError, load_config, read_config

DEFAULT = "config.yml"


def named_file(path):
    """The config file that is named, by option or by VOLTKEEPER_CONFIG, or the default one if it exists; else None."""
    path = path or os.environ.get("VOLTKEEPER_CONFIG")
    return Path(path) if path else Path(DEFAULT) if Path(DEFAULT).exists() else None


def choose_config(path=None, gateway=None, port=None, demo=False, looking=False):
    """The Config for these options; without a file and a gateway it is the demo house's. Raises ConfigError.

    `gateway` is HOST:PORT, `port` that of the site, `demo` asks for the demo house whatever files there are. Who is
    `looking` means, without a file and a gateway, what ran last without a file.
    """
    file = None if demo else named_file(path)
    if file and gateway:
        raise ConfigError(f"--gateway runs without a config, but there is {file}: write it there, under gateways:")
    if file:
        config = load_config(file)
    elif gateway and not demo:
        config = without_file(gateway)
    elif looking and not demo:
        config = last_used()
    else:
        config = demo_house(gateway)
    return config if port is None else replace(config, web=replace(config.web, port=port))


def without_file(gateway=None):
    """The Config of one gateway, HOST:PORT, and defaults for the rest. Raises ConfigError."""
    values = {"gateways": [{"name": "main", "tcp": gateway}]} if gateway else {}
    return read_config(values, Path.cwd(), "--gateway")[0]


def own_config(path=None):
    """The Config of the house itself, never that of the demo: a file, or the defaults. Raises ConfigError."""
    file = named_file(path)
    return load_config(file) if file else without_file()


def demo_house(gateway=None):
    """The Config of the demo house, whose gateway is at HOST:PORT."""
    from ingest.demo.site import demo_config

    return demo_config((gateway or ":0").rpartition(":")[2])


def last_used():
    """Of the Configs that need no file, the one whose database was written last: the demo house's or the plain one."""
    return max(demo_house(), without_file(), key=_written)


def _written(config):
    paths = (config.database, Path(f"{config.database}-wal"))
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


def child_arguments(config):
    """The options with which a child chooses the same Config."""
    port = ["--port", str(config.web.port)]
    if config.path:
        return ["--config", str(config.path), *port]
    gateways = [word for gateway in config.gateways for word in ("--gateway", gateway.tcp)]
    return [*gateways, *(["--demo"] if config.demo else []), *port]
