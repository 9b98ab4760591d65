"""Which config a command runs with: a file, the options of the command line, or the demo house."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.config.model import ConfigError, load_config, read_config

DEFAULT = "config.yml"


def named_file(path):
    """The config file that is named, by option or by VOLTKEEPER_CONFIG, or the default one if it exists; else None."""
    path = path or os.environ.get("VOLTKEEPER_CONFIG")
    return Path(path) if path else Path(DEFAULT) if Path(DEFAULT).exists() else None


@dataclass(frozen=True)
class Sources:
    """What the options of the command line say to read, in place of a file."""

    gateway: str | None = None  # HOST:PORT
    nut: str | None = None  # HOST or HOST:PORT
    must: str | None = None  # a device
    poll: float | None = None  # seconds between two samples of a UPS

    def __bool__(self):
        return any((self.gateway, self.nut, self.must))

    def values(self):
        """The sections of a config that mean the same."""
        pace = {} if self.poll is None else {"poll_s": self.poll}
        values = {}
        if self.gateway:
            values["gateways"] = [{"name": "main", "tcp": self.gateway}]
        if self.nut:
            host, port = split_host_port(self.nut)
            values["nut"] = [{"name": "nut", "host": host, **({"port": port} if port else {}), **pace}]
        if self.must:
            values["must"] = [{"name": "must", "serial": str(Path(self.must).absolute()), **pace}]
        return values


def split_host_port(text):
    """HOST or HOST:PORT as (host, port or None); an IPv6 address with a port stands in brackets."""
    host, colon, port = text.rpartition(":")
    return (
        (host.strip("[]"), int(port))
        if colon and port.isdigit() and (":" not in host or host.endswith("]"))
        else (text, None)
    )


def choose_config(path=None, sources=Sources(), port=None, demo=False, looking=False):
    """The Config for these options; without a file and sources it is the demo house's. Raises ConfigError.

    `port` is that of the site, `demo` asks for the demo house whatever files there are. Who is `looking` means, without
    a file and sources, what ran last without a file.
    """
    file = None if demo else named_file(path)
    if file and sources:
        raise ConfigError(
            f"--gateway, --nut and --must run without a config, but there is {file}: write it there, under gateways:, "
            "nut: or must:"
        )
    if file:
        config = load_config(file)
    elif sources and not demo:
        config = without_file(sources)
    elif looking and not demo:
        config = last_used()
    else:
        config = demo_house(sources)
    return config if port is None else replace(config, web=replace(config.web, port=port))


def without_file(sources=Sources()):
    """The Config of these sources and defaults for the rest. Raises ConfigError."""
    return read_config(sources.values(), Path.cwd(), "command line")[0]


def own_config(path=None):
    """The Config of the house itself, never that of the demo: a file, or the defaults. Raises ConfigError."""
    file = named_file(path)
    return load_config(file) if file else without_file()


def demo_house(sources=Sources()):
    """The Config of the demo house, whose gateway and NUT server are at these addresses."""
    from ingest.demo.site import demo_config

    return demo_config(sources.gateway or "127.0.0.1:0", split_host_port(sources.nut or "127.0.0.1:3493")[1])


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
    words = [word for gateway in config.gateways for word in ("--gateway", gateway.tcp)]
    words += [word for server in config.nut for word in ("--nut", f"[{server.host}]:{server.port}")]
    words += [word for device in config.must for word in ("--must", device.serial)]
    polls = [source.poll_s for source in (*config.nut, *config.must)]
    if polls and not config.demo:
        words += ["--poll", str(polls[0])]
    return [*words, *(["--demo"] if config.demo else []), *port]
