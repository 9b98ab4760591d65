"""config.yml as a frozen dataclass; sections of some size have a file each, `*_settings.py` (`ingest/sections.py` reads them).

A key is a field; an unknown one is an error that names the nearest. A value `{$env: NAME}` is taken from the
environment, so that secrets stay out of the file. `config.example.yml` explains each key to people.
"""

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.config.access import Access, Person, Token
from ingest.config.checks import check_unique, is_timezone, nearest_choice
from ingest.config.loader import ConfigError, Reader, nearest, parse_yaml, unlisted
from ingest.config.ota import Ota
from ingest.config.retention import Backup, Retention
from ingest.config.sources import UPS_NAME, Answers, Gateway, Must, NutServer, Tariff
from ingest.ups.commands import EP20_COMMANDS
from ingest.ups.limits import Limits
from ingest.ups.settings import UpsSettings

__all__ = [
    "Access",
    "Answers",
    "Config",
    "ConfigError",
    "Gateway",
    "Limits",
    "Log",
    "Must",
    "NutServer",
    "Person",
    "Tariff",
    "Token",
    "UpsSettings",
    "Web",
    "load_config",
]

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
BASE_URL = re.compile(r"/([A-Za-z0-9_-]+/)*")
OWN_PATHS = frozenset(
    "- api energy events metrics nodes radio reports static telemetry ups".split()
)  # what the site's own addresses begin with


@dataclass(frozen=True)
class Log:
    """What is logged, and to which rotated file beside stderr."""

    level: str = "INFO"
    file: Path | None = None
    rotate_mb: float = 10
    keep: int = 5

    def check(self):
        if self.level not in LEVELS:
            yield "level", f"{self.level!r} is no level: {nearest_choice(self.level, LEVELS)}"
        if self.rotate_mb <= 0:
            yield "rotate_mb", "has to be more than 0 MB"
        if self.keep < 1:
            yield "keep", "has to be 1 or more files"


@dataclass(frozen=True)
class Web:
    """Where the site listens, port 0 takes any free one; and below which path a proxy shows it."""

    host: str = "127.0.0.1"
    port: int = 8001
    base_url: str = "/"

    def check(self):
        if not self.host.strip():
            yield "host", "is empty: 127.0.0.1 is for this machine alone, 0.0.0.0 for the network"
        if not 0 <= self.port <= 65535:
            yield "port", f"{self.port} is no port: 1 to 65535"
        if not BASE_URL.fullmatch(self.base_url):
            yield "base_url", f"{self.base_url!r} is no path with / at both ends, such as /volt/"
        elif self.base_url.split("/")[1] in OWN_PATHS:
            yield (
                "base_url",
                f"{self.base_url!r} is a path of the site itself: choose another one, such as /volt/",
            )


@dataclass(frozen=True)
class Config:
    """The whole of config.yml, with absolute paths and a time zone that exists."""

    title: str = "Voltkeeper"
    timezone: str = ""
    database: Path = Path("data/telemetry.db")
    commit_s: float = 1.0
    log: Log = Log()
    gateways: tuple[Gateway, ...] = ()
    nut: tuple[NutServer, ...] = ()
    must: tuple[Must, ...] = ()
    ups: dict[str, UpsSettings] = field(default_factory=dict)
    energy: tuple[Tariff, ...] = ()
    web: Web = Web()
    access: Access = Access()
    ota: Ota = Ota()
    retention: Retention = Retention()
    backup: Backup = Backup()
    demo: bool = unlisted(False)
    path: Path | None = unlisted(None)

    def check(self):
        if self.timezone and not is_timezone(self.timezone):
            yield (
                "timezone",
                f"{self.timezone!r} is no time zone; they look like Europe/Rome, America/New_York, UTC",
            )
        if not 0 < self.commit_s <= 600:
            yield "commit_s", "has to be more than 0 and at most 600 seconds"
        sections = {"gateways": self.gateways, "nut": self.nut, "must": self.must}
        for what in ("name", "address"):
            for section, sources in sections.items():
                yield from check_unique([getattr(source, what) for source in sources], section, what)
            once = [
                word
                for sources in sections.values()
                for word in {getattr(source, what) for source in sources}
            ]
            yield from check_unique(once, "gateways, nut and must", what)
        for name in self.ups:
            words = self.unknown_ups(name)
            if words:
                yield f"ups.{name}", words
        for one in self.must:
            own = self.ups.get(one.name)
            for command in own.commands if own else ():
                if command not in EP20_COMMANDS:
                    known = ", ".join(EP20_COMMANDS)
                    yield f"ups.{one.name}.commands", f"an EP20 has no {command}: its commands are {known}"
            if own and own.settings:
                yield f"ups.{one.name}.settings", "an EP20 has no settings that can be ordered: take them out"

    def unknown_ups(self, name):
        """What is wrong with the name of a UPS under `ups:`; None where it can be one of the sources' UPSes."""
        listed = [f"{ups}@{server.name}" for server in self.nut for ups in server.ups] + [
            one.name for one in self.must
        ]
        whole = [server.name for server in self.nut if not server.ups]
        ups, _, server = name.partition("@")
        if name in listed or (server in whole and UPS_NAME.fullmatch(ups)):
            return None
        known = [*listed, *(f"NAME@{server}" for server in whole)]
        return (
            f"no source has this UPS: {nearest(name, known)}"
            if known
            else "there is no source of UPSes: add nut: or must:"
        )


def read_config(values, folder, name):
    """Values from YAML as (Config, places of the secrets that are written out). Raises ConfigError with every error.

    Relative paths count from `folder`; `name` is what errors call the file.
    """
    reader = Reader(folder)
    config = reader.section(Config, values)
    if reader.errors:
        raise ConfigError("\n".join(f"{name}: {error}" for error in reader.errors))
    return replace(config, timezone=config.timezone or machine_timezone()), reader.literals


def parse_config(text, folder, name="config.yml"):
    """The text of a config as Config. Raises ConfigError with every error."""
    return read_config(parse_yaml(text, name), folder, name)[0]


def load_config(path):
    """Read a config file. Raises ConfigError with every error."""
    return load_with_secrets(path)[0]


def load_with_secrets(path):
    """Read a config file as (Config, places of the secrets that stand in it). Raises ConfigError."""
    path = Path(path).absolute()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is not there: copy config.example.yml and adapt it") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}: is it a file of yours?") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from error
    config, literals = read_config(parse_yaml(text, path.name), path.parent, path.name)
    return replace(config, path=path), literals


def machine_timezone():
    """The time zone that the machine is set to; UTC where it does not say."""
    linked = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    debian = Path("/etc/timezone")
    written = debian.read_text().strip() if debian.is_file() else ""
    for name in (os.environ.get("TZ", "").lstrip(":"), linked, written):
        if name and is_timezone(name):
            return name
    return "UTC"
