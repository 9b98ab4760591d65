"""config.yml as a frozen dataclass; each section has a file of its own, read by `ingest/config/loader.py`.

A key is a field; an unknown one is an error that names the nearest. A value `{$env: NAME}` is taken from the
environment, so that secrets stay out of the file. `config.example.yml` explains each key to people.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.config.access import Access, Person, Token
from ingest.config.backup import Backup
from ingest.config.checks import Problems, check_that, check_unique, is_timezone
from ingest.config.energy import Tariff
from ingest.config.gateways import GatewaySettings
from ingest.config.loader import UNLISTED, ConfigError, SectionReader, parse_yaml
from ingest.config.log import Logging
from ingest.config.must import MustSettings
from ingest.config.nut import UPS_NAME, NutServerSettings
from ingest.config.retention import Retention
from ingest.config.web import Web
from ingest.mysensors.settings import Answers
from ingest.nearest import nearest
from ingest.ups.commands import EP20_COMMANDS
from ingest.ups.corrections import VariableSettings, check_variables, merge
from ingest.ups.limits import Limits
from ingest.ups.settings import NO_SETTINGS, UpsSettings
from ota.settings import OtaSettings

__all__ = [
    "Access",
    "Answers",
    "Backup",
    "Config",
    "ConfigError",
    "GatewaySettings",
    "Limits",
    "Logging",
    "MustSettings",
    "NutServerSettings",
    "Person",
    "Retention",
    "Tariff",
    "Token",
    "UpsSettings",
    "Web",
    "load_config",
    "load_with_secrets",
    "read_config",
]


@dataclass(frozen=True)
class Config:
    """The whole of config.yml, with absolute paths and a time zone that exists."""

    title: str = "Voltkeeper"
    timezone: str = ""
    database: Path = Path("data/telemetry.db")
    commit_s: float = 1.0
    log: Logging = field(default_factory=Logging)
    gateways: tuple[GatewaySettings, ...] = ()
    nut: tuple[NutServerSettings, ...] = ()
    must: tuple[MustSettings, ...] = ()
    ups: dict[str, UpsSettings] = field(default_factory=dict)
    variables: dict[str, VariableSettings] = field(default_factory=dict)
    energy: tuple[Tariff, ...] = ()
    web: Web = field(default_factory=Web)
    access: Access = field(default_factory=Access)
    ota: OtaSettings = field(default_factory=OtaSettings)
    retention: Retention = field(default_factory=Retention)
    backup: Backup = field(default_factory=Backup)
    demo: bool = field(default=False, metadata=UNLISTED)
    path: Path | None = field(default=None, metadata=UNLISTED)

    @property
    def sources(self) -> tuple[GatewaySettings | NutServerSettings | MustSettings, ...]:
        """Everything that ingest reads."""
        return (*self.gateways, *self.nut, *self.must)

    def check(self) -> Problems:
        """Yield what is wrong with single values, and with sections that do not fit each other."""
        yield from check_that(
            not self.timezone or is_timezone(self.timezone),
            "timezone",
            f"{self.timezone!r} is not a time zone; they look like Europe/Rome, America/New_York, UTC",
        )
        yield from check_that(
            0 < self.commit_s <= 600, "commit_s", "has to be more than 0 and at most 600 seconds"
        )
        yield from self._check_sources()
        yield from self._check_ups()
        yield from check_variables(self.variables)

    def _check_sources(self) -> Problems:
        """Names and addresses are used once, over all sections of sources."""
        sections = {"gateways": self.gateways, "nut": self.nut, "must": self.must}
        for what in ("name", "address"):
            in_any_section: list[str] = []
            for section, sources in sections.items():
                values = [getattr(source, what) for source in sources]
                yield from check_unique(values, section, what)
                in_any_section += set(values)
            yield from check_unique(in_any_section, "gateways, nut and must", what)

    def _check_ups(self) -> Problems:
        """What stands under `ups:` is about a UPS of a source, and of a kind that it takes."""
        for name in self.ups:
            problem = self._unknown_ups(name)
            yield from check_that(not problem, f"ups.{name}", problem)
        for device in self.must:
            own = self.ups.get(device.name, UpsSettings())
            for command in own.commands:
                problem = f"an EP20 has no {command}: its commands are {', '.join(EP20_COMMANDS)}"
                if command.startswith("test."):
                    problem += "; its protocol has no test"
                yield from check_that(
                    command in EP20_COMMANDS,
                    f"ups.{device.name}.commands",
                    problem,
                )
            yield from check_that(
                not own.settings,
                f"ups.{device.name}.settings",
                "an EP20 has no settings that can be changed: remove them",
            )

    def variables_of(self, ups: str) -> dict[str, VariableSettings]:
        """Return the settings of single variables of a UPS: its entries, else those for all UPSes."""
        return merge(self.variables, self.ups.get(ups, NO_SETTINGS).variables)

    def _unknown_ups(self, name: str) -> str:
        """Return what is wrong with the name of a UPS under `ups:`; '' where a source can have it."""
        listed = [f"{ups}@{server.name}" for server in self.nut for ups in server.ups]
        listed += [device.name for device in self.must]
        unlimited = [server.name for server in self.nut if not server.ups]
        ups, _, server = name.partition("@")
        if name in listed or (server in unlimited and UPS_NAME.fullmatch(ups)):
            return ""
        known = [*listed, *(f"NAME@{server}" for server in unlimited)]
        if not known:
            return "there is no source of UPSes: add nut: or must:"
        return f"no source has this UPS: {nearest(name, known)}"


def read_config(values: object, folder: Path | str, name: str) -> tuple[Config, list[str]]:
    """Build the Config of values from YAML; with it come the places of the secrets that are written out.

    Relative paths count from `folder`; `name` is what errors call the file. Raises ConfigError with every
    error.
    """
    reader = SectionReader(folder)
    config = reader.section(Config, values)
    if config is None or reader.errors:
        raise ConfigError("\n".join(f"{name}: {error}" for error in reader.errors))
    return replace(config, timezone=config.timezone or machine_timezone()), reader.literals


def load_config(path: Path | str) -> Config:
    """Read a config file. Raises ConfigError with every error."""
    return load_with_secrets(path)[0]


def load_with_secrets(path: Path | str) -> tuple[Config, list[str]]:
    """Read a config file as (Config, places of the secrets that stand in it). Raises ConfigError."""
    path = Path(path).absolute()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file: copy config.example.yml and adapt it") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}: is it a file of yours?") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from error
    config, literals = read_config(parse_yaml(text, path.name), path.parent, path.name)
    return replace(config, path=path), literals


def machine_timezone() -> str:
    """Return the time zone that the machine is set to; UTC where there is none."""
    linked = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    debian = Path("/etc/timezone")
    written = debian.read_text().strip() if debian.is_file() else ""
    names = (os.environ.get("TZ", "").lstrip(":"), linked, written)
    return next((name for name in names if name and is_timezone(name)), "UTC")
