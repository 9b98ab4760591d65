"""config.yml as a frozen dataclass; each section has a file of its own, read by `ingest/config/loader.py`.

A key is a field; an unknown one is an error that names the nearest. A value `{$env: NAME}` is taken from the
environment, so that secrets stay out of the file. `config.example.yml` explains each key to people.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.config.access import Access, Person, Token
from ingest.config.alerts import Alerts, check_targets
from ingest.config.backup import Backup
from ingest.config.checks import Problems, check_that, check_unique, is_timezone, timezone_problem
from ingest.config.energy import Tariff
from ingest.config.environment_file import environment_file, read_environment
from ingest.config.gateways import GatewaySettings, check_topics_apart
from ingest.config.home import Home, HomeCard
from ingest.config.loader import UNLISTED, ConfigError, SectionReader, parse_yaml
from ingest.config.log import Logging
from ingest.config.mail import Mail
from ingest.config.metrics import MetricsSettings
from ingest.config.mqtt import BrokerSettings
from ingest.config.must import MustSettings
from ingest.config.nut import UPS_NAME, NutServerSettings
from ingest.config.periodic import ReportSettings, ScheduledCommand
from ingest.config.plan import OutagePlan, check_plans
from ingest.config.plugins import PluginSettings
from ingest.config.publish import PublishSettings
from ingest.config.retention import Retention
from ingest.config.thresholds import ThresholdSettings
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
    "BrokerSettings",
    "Config",
    "ConfigError",
    "GatewaySettings",
    "Home",
    "HomeCard",
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
    min_free_mb: float | None = None  # ingest.pipeline.free_space.MIN_FREE_MB
    log: Logging = field(default_factory=Logging)
    mqtt: tuple[BrokerSettings, ...] = ()
    gateways: tuple[GatewaySettings, ...] = ()
    nut: tuple[NutServerSettings, ...] = ()
    must: tuple[MustSettings, ...] = ()
    ups: dict[str, UpsSettings] = field(default_factory=dict)
    variables: dict[str, VariableSettings] = field(default_factory=dict)
    energy: tuple[Tariff, ...] = ()
    home: Home = field(default_factory=Home)
    web: Web = field(default_factory=Web)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    access: Access = field(default_factory=Access)
    ota: OtaSettings = field(default_factory=OtaSettings)
    retention: Retention = field(default_factory=Retention)
    backup: Backup = field(default_factory=Backup)
    mail: Mail | None = None
    alerts: Alerts | None = None
    thresholds: tuple[ThresholdSettings, ...] = ()
    reports: tuple[ReportSettings, ...] = ()
    schedule: tuple[ScheduledCommand, ...] = ()
    publish: PublishSettings | None = None
    plan: tuple[OutagePlan, ...] = ()
    plugins: dict[str, PluginSettings] = field(default_factory=dict)
    demo: bool = field(default=False, metadata=UNLISTED)
    path: Path | None = field(default=None, metadata=UNLISTED)

    @property
    def sources(self) -> tuple[GatewaySettings | NutServerSettings | MustSettings, ...]:
        """Everything that ingest reads."""
        return (*self.gateways, *self.nut, *self.must)

    def broker(self, name: str) -> BrokerSettings:
        """The broker of this name, of which the config has made sure that it is there."""
        return next(broker for broker in self.mqtt if broker.name == name)

    @property
    def sends(self) -> bool:
        """Whether there is anything to send: `voltkeeper outbound` runs then."""
        return self.publish is not None or self.sends_messages

    @property
    def sends_messages(self) -> bool:
        """Whether there are alerts or reports to send."""
        alerts = self.alerts
        return bool(self.reports) or (alerts is not None and bool(alerts.targets or alerts.heartbeat))

    def check(self) -> Problems:
        """Yield what is wrong with single values, and with sections that do not fit each other."""
        problem = timezone_problem(self.timezone or machine_timezone())
        yield from check_that(not problem, "timezone", problem)
        yield from check_that(
            0 < self.commit_s <= 600, "commit_s", "has to be more than 0 and at most 600 seconds"
        )
        yield from check_that(
            self.min_free_mb is None or self.min_free_mb >= 0, "min_free_mb", "has to be 0 or more"
        )
        yield from self._check_sources()
        yield from self._check_ups()
        yield from check_variables(self.variables)
        yield from self._check_outbound()

    def _check_outbound(self) -> Problems:
        """Names are used once, and what refers to targets and UPSes finds them."""
        for section in ("thresholds", "reports", "schedule"):
            yield from check_unique([one.name for one in getattr(self, section)], section)
        yield from self._check_schedule()
        commands = {name: one.commands for name, one in self.ups.items()}
        yield from check_plans(self.plan, [gateway.name for gateway in self.gateways], commands)
        targets = [target.name for target in self.alerts.targets] if self.alerts else []
        for report in self.reports:
            yield from check_targets(f"reports.{report.name}.to", report.to, targets)
        has_mail = any(target.mail for target in self.alerts.targets) if self.alerts else False
        yield from check_that(
            self.mail is not None or not has_mail,
            "alerts.targets",
            "a target has mail addresses, but there is no mail server: add mail: {host: ..., from: ...}",
        )
        yield from self._check_rules()
        named = [*self.reports_ups(), *((f"schedule.{one.name}.ups", one.ups) for one in self.schedule)]
        named += [(f"thresholds.{one.name}.ups", one.ups) for one in self.thresholds if one.ups]
        named += self._ups_of_plans()
        for where, ups in named:
            problem = self._unknown_ups(ups)
            yield from check_that(not problem, where, problem)

    def _check_rules(self) -> Problems:
        """The UPSes and gateways that rules of alerts name are there."""
        gateways = [gateway.name for gateway in self.gateways]
        for number, rule in enumerate(self.alerts.rules if self.alerts else (), 1):
            for ups in rule.ups:
                problem = self._unknown_ups(ups)
                yield from check_that(not problem, f"alerts.rules[{number}].ups", f"{ups!r}: {problem}")
            for gateway in (node.partition("/")[0] for node in rule.nodes):
                yield from check_that(
                    gateway in gateways,
                    f"alerts.rules[{number}].nodes",
                    f"there is no gateway {gateway!r}: {nearest(gateway, gateways)}",
                )

    def _check_schedule(self) -> Problems:
        """What is scheduled may be ordered: `commands:` of its UPS lists it. Its name is no report's, too."""
        reports = {report.name for report in self.reports}
        for one in self.schedule:
            yield from check_that(
                one.name not in reports,
                f"schedule.{one.name}.name",
                "a report has this name, too: each job needs its own",
            )
            listed = self.ups.get(one.ups, NO_SETTINGS).commands
            if one.command in listed or self._unknown_ups(one.ups):
                continue
            guess = f"{nearest(one.command, listed)}; " if listed else ""
            yield (
                f"schedule.{one.name}.command",
                f"{one.command} is not listed: {guess}add it to ups: {{{one.ups}: {{commands: [...]}}}}",
            )

    def _ups_of_plans(self) -> list[tuple[str, str]]:
        """The UPSes that plans name, with their places."""
        named = [(f"plan[{plan.name}].ups", ups) for plan in self.plan for ups in plan.ups]
        return named + [
            (f"plan[{plan.name}].{step.name}.command.ups", step.command.ups)
            for plan in self.plan
            for step in plan.steps
            if step.command is not None
        ]

    def reports_ups(self) -> list[tuple[str, str]]:
        """The UPSes that reports name, with their places."""
        return [(f"reports.{report.name}.ups", ups) for report in self.reports for ups in report.ups]

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
        yield from self._check_brokers()

    def _check_brokers(self) -> Problems:
        """Each broker has its own name, and gateways name one that is there."""
        brokers = [broker.name for broker in self.mqtt]
        yield from check_unique(brokers, "mqtt")
        orders = [f"{one.mqtt} {one.subscribe}" for one in self.gateways if one.mqtt and one.subscribe]
        yield from check_unique(orders, "gateways", "topic of orders")
        for gateway in self.gateways:
            if gateway.mqtt is not None and gateway.mqtt not in brokers:
                known = nearest(gateway.mqtt, brokers) if brokers else "add mqtt: [{name: ..., host: ...}]"
                yield f"gateways[{gateway.name}].mqtt", f"there is no broker {gateway.mqtt!r}: {known}"

        ours = []
        if (out := self.publish) is not None:
            prefixes = (("prefix", out.prefix), ("home_assistant", out.home_assistant))
            ours = [(f"publish.{key}", out.mqtt, prefix) for key, prefix in prefixes if prefix is not None]
        yield from check_topics_apart(self.gateways, ours)
        if self.publish is not None and self.publish.mqtt not in brokers:
            known = nearest(self.publish.mqtt, brokers) if brokers else "add mqtt: [{name: ..., host: ...}]"
            yield "publish.mqtt", f"there is no broker {self.publish.mqtt!r}: {known}"

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


def read_config(
    values: object, folder: Path | str, name: str, environment: Mapping[str, str] = os.environ
) -> tuple[Config, list[str]]:
    """Build the Config of values from YAML; with it come the places of the secrets that are written out.

    Relative paths count from `folder`; `name` is what errors call the file. Raises ConfigError with every
    error.
    """
    reader = SectionReader(folder, environment)
    config = reader.section(Config, values)
    if config is None or reader.errors:
        raise ConfigError("\n".join(f"{name}: {error}" for error in reader.errors))
    return replace(config, timezone=config.timezone or machine_timezone()), reader.literals


def load_config(path: Path | str, environment: Mapping[str, str] | None = None) -> Config:
    """Read a config file, with the environment and what `voltkeeper.env` beside it adds, or with this one.

    Raises ConfigError with every error.
    """
    return load_with_secrets(path, environment)[0]


def load_with_secrets(
    path: Path | str, environment: Mapping[str, str] | None = None
) -> tuple[Config, list[str]]:
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
    if environment is None:
        try:
            environment = read_environment(path)
        except OSError as error:
            secrets = environment_file(path)
            raise ConfigError(
                f"{secrets} cannot be read: {error.strerror}: is it a file of yours?"
            ) from error
    config, literals = read_config(parse_yaml(text, path.name), path.parent, path.name, environment)
    return replace(config, path=path), literals


def machine_timezone() -> str:
    """Return the time zone that the machine is set to; UTC where there is none."""
    linked = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    debian = Path("/etc/timezone")
    written = debian.read_text().strip() if debian.is_file() else ""
    names = (os.environ.get("TZ", "").lstrip(":"), linked, written)
    return next((name for name in names if name and is_timezone(name)), "UTC")
