"""config.yml: every key it may have, as frozen dataclasses (`ingest/sections.py` reads them).

A key is a field here; an unknown one is an error that names the nearest. A value `{$env: NAME}` is taken from the
environment, so that secrets stay out of the file. `config.example.yml` explains each key to people.
"""

import os
import re
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.ota_settings import Ota
from ingest.retention_settings import Backup, Retention
from ingest.sections import ConfigError, Reader, keyed, nearest, parse_yaml, secret, unlisted
from ingest.ups.commands import misread
from ingest.ups.limits import Limits
from ingest.ups.tariffs import parse_days, parse_hours

__all__ = [
    "Access", "Answers", "Config", "ConfigError", "Gateway", "Limits", "Log", "Must", "NutServer", "Person", "Tariff", "Token",
    "UpsSettings", "Web", "load_config",
]  # fmt: skip

NAME = re.compile(r"[a-z0-9_-]+")
UPS_NAME = re.compile(r"[^\s@\"\\\x00-\x1f\x7f]+")  # what upsd takes for one
RIGHTS = ("edit", "order", "upload", "maintain")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PASSWORD_HASH = re.compile(r"pbkdf2_sha256\$\d+\$[^$]+\$[^$]+")
TOKEN_LENGTH = 16  # characters, at least
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
class Answers:
    """What a gateway's controller does by itself; all on unless switched off."""

    ids: bool = True
    config: bool = True
    time: bool = True
    requests: bool = True
    presentation: bool = True
    keepalive: bool = True


@dataclass(frozen=True)
class Gateway:
    """A MySensors gateway: reached by `tcp` (HOST:PORT) or by `serial` (a device)."""

    name: str
    tcp: str | None = None
    serial: str | None = None
    baudrate: int = 115200
    controller: bool = True
    metric: bool = True
    repeat_window_s: float = 0.0
    answers: Answers = Answers()

    @property
    def address(self):
        """Where it is, in words."""
        return f"tcp {self.tcp}" if self.tcp else f"serial {self.serial}"

    def check(self):
        yield from check_name(self.name)
        if (self.tcp is None) == (self.serial is None):
            yield "", "needs exactly one of tcp: HOST:PORT and serial: DEVICE"
        elif self.tcp is not None and not is_host_port(self.tcp):
            yield "tcp", f"{self.tcp!r} is no HOST:PORT, such as 192.168.1.20:5003"
        elif self.serial is not None and not self.serial.startswith("/"):
            yield "serial", f"{self.serial!r} is no device, such as /dev/ttyUSB0; see /dev/serial/by-id"
        if self.baudrate <= 0:
            yield "baudrate", "has to be more than 0; MySensors gateways use 115200 unless built otherwise"
        if self.repeat_window_s < 0:
            yield "repeat_window_s", "has to be 0 (off) or more seconds"


@dataclass(frozen=True)
class NutServer:
    """A NUT server and the UPSes to read of it; without `ups`, all that it lists."""

    name: str
    host: str = "127.0.0.1"
    port: int = 3493
    ups: tuple[str, ...] = ()
    poll_s: float = 10.0
    status_s: float = 2.0
    username: str | None = None
    password: str | None = secret(default=None)
    command_username: str | None = None
    command_password: str | None = secret(default=None)

    @property
    def address(self):
        """Where it is, in words."""
        return f"tcp {self.host}:{self.port}"

    def check(self):
        yield from check_name(self.name)
        if not self.host.strip():
            yield "host", "is empty: the name or address of the machine that upsd runs on"
        if not 0 < self.port <= 65535:
            yield "port", f"{self.port} is no port; upsd listens on 3493 unless told otherwise"
        for ups in self.ups:
            if not UPS_NAME.fullmatch(ups):
                yield "ups", f"{ups!r} is no name of a UPS: it stands in [brackets] in upsd's ups.conf"
        yield from check_unique(list(self.ups), "ups")
        yield from check_pace(self)
        for user, word in (("username", "password"), ("command_username", "command_password")):
            if (getattr(self, user) is None) != (getattr(self, word) is None):
                yield user, f"needs {word}, and {word} needs it"


@dataclass(frozen=True)
class Must:
    """A MUST EP20 on a serial port."""

    name: str
    serial: str
    poll_s: float = 30.0
    status_s: float = 5.0

    @property
    def address(self):
        """Where it is, in words."""
        return f"serial {self.serial}"

    def check(self):
        yield from check_name(self.name)
        if not self.serial.startswith("/"):
            yield "serial", f"{self.serial!r} is no device, such as /dev/ttyUSB0; see /dev/serial/by-id"
        yield from check_pace(self)


@dataclass(frozen=True)
class UpsSettings:
    """What a UPS does not say of itself; and what may be ordered: nothing but the commands and settings named here."""

    label: str = ""
    location: str = ""
    realpower_nominal: float | None = None
    power_factor: float | None = None
    discharging_is_outage: bool = False
    limits: Limits = Limits()
    commands: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def check(self):
        for kind in ("commands", "settings"):
            names = getattr(self, kind)
            for name in names:
                words = misread(name, kind)
                if words:
                    yield kind, words
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield kind, f"{name!r} is named twice"
        if self.realpower_nominal is not None and self.realpower_nominal <= 0:
            yield "realpower_nominal", "has to be more than 0 W"
        if self.power_factor is not None and not 0 < self.power_factor <= 1:
            yield "power_factor", "has to be more than 0 and at most 1"


@dataclass(frozen=True)
class Tariff:
    """What a kWh costs from one local day to another, both included, at some hours and days or at all."""

    price_per_kwh: float
    currency: str
    valid_from: str = keyed("from", default="")
    valid_to: str = keyed("to", default="")
    hours: str = ""
    days: str = ""

    def check(self):
        for key, text in (("from", self.valid_from), ("to", self.valid_to)):
            if text and not is_date(text):
                yield key, f"{text!r} is no date, such as 2026-01-01"
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            yield "to", "is before from"
        for key, parse in (("hours", parse_hours), ("days", parse_days)):
            try:
                parse(getattr(self, key))
            except ValueError as error:
                yield key, str(error)


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
            yield "base_url", f"{self.base_url!r} is a path of the site itself: choose another one, such as /volt/"


@dataclass(frozen=True)
class Person:
    """Somebody who signs in with a password, and what they may do."""

    name: str
    password_hash: str = secret()
    may: frozenset[str] = frozenset()

    def check(self):
        yield from check_name(self.name)
        yield from check_rights(self.may)
        if not PASSWORD_HASH.fullmatch(self.password_hash.strip()):
            words = "is no hash of a password: `voltkeeper hash-password` makes one"
            yield "password_hash", f"{words}; in a shell it needs 'single quotes'"


@dataclass(frozen=True)
class Token:
    """A program that sends `Authorization: Bearer TOKEN`, and what it may do."""

    name: str
    token: str = secret()
    may: frozenset[str] = frozenset()

    def check(self):
        yield from check_name(self.name)
        yield from check_rights(self.may)
        if not self.token.isascii() or not self.token.isprintable() or len(self.token.strip()) < TOKEN_LENGTH:
            yield "token", f"has to be {TOKEN_LENGTH} or more ASCII characters: `openssl rand -hex 20` makes one"


@dataclass(frozen=True)
class Access:
    """Who may read and who may write; nobody writes until somebody is named here."""

    read: str = "anyone"
    people: tuple[Person, ...] = ()
    tokens: tuple[Token, ...] = ()

    def check(self):
        if self.read not in ("anyone", "signed-in"):
            yield "read", f"{self.read!r} is neither anyone nor signed-in"
        if self.read == "signed-in" and not (self.people or self.tokens):
            yield "read", "is signed-in, but nobody could sign in: name somebody under people"
        yield from check_unique([one.name for one in (*self.people, *self.tokens)], "people and tokens")
        if len({one.token for one in self.tokens}) < len(self.tokens):
            yield "tokens", "two of them are the same: each needs a token of its own"


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
            yield "timezone", f"{self.timezone!r} is no time zone; they look like Europe/Rome, America/New_York, UTC"
        if not 0 < self.commit_s <= 600:
            yield "commit_s", "has to be more than 0 and at most 600 seconds"
        sections = {"gateways": self.gateways, "nut": self.nut, "must": self.must}
        for what in ("name", "address"):
            for section, sources in sections.items():
                yield from check_unique([getattr(source, what) for source in sources], section, what)
            once = [word for sources in sections.values() for word in {getattr(source, what) for source in sources}]
            yield from check_unique(once, "gateways, nut and must", what)
        for name in self.ups:
            words = self.unknown_ups(name)
            if words:
                yield f"ups.{name}", words
        for one in self.must:
            own = self.ups.get(one.name)
            if own and (own.commands or own.settings):
                yield f"ups.{one.name}", "an EP20 takes no orders: take commands and settings out"

    def unknown_ups(self, name):
        """What is wrong with the name of a UPS under `ups:`; None where it can be one of the sources' UPSes."""
        listed = [f"{ups}@{server.name}" for server in self.nut for ups in server.ups] + [one.name for one in self.must]
        whole = [server.name for server in self.nut if not server.ups]
        ups, _, server = name.partition("@")
        if name in listed or (server in whole and UPS_NAME.fullmatch(ups)):
            return None
        known = [*listed, *(f"NAME@{server}" for server in whole)]
        return f"no source has this UPS: {nearest(name, known)}" if known else "there is no source of UPSes: add nut: or must:"


def check_name(name):
    if not NAME.fullmatch(name):
        yield "name", f"{name!r} is no name: use small letters, digits, - and _"


def check_pace(source):
    if not 0.5 <= source.poll_s <= 3600:
        yield "poll_s", "has to be 0.5 to 3600 seconds"
    if source.status_s < 0.5:
        yield "status_s", "has to be 0.5 or more seconds"


def check_rights(may):
    for right in sorted(may - set(RIGHTS)):
        yield "may", f"{right!r} is no right: {nearest_choice(right, RIGHTS)}"


def check_unique(words, where, what="name"):
    for word in sorted({word for word in words if words.count(word) > 1}):
        yield where, f"the {what} {word!r} is used twice: each needs its own"


def nearest_choice(word, choices):
    guess = nearest(word, choices)
    return f"{guess} Choose from {', '.join(choices)}" if guess.endswith("?") else f"choose from {', '.join(choices)}"


def is_host_port(text):
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    good_host = len(host) > 2 if bracketed else bool(host) and not set(host) & set(":/[] \t")
    return good_host and port.isascii() and port.isdigit() and 0 < int(port) < 65536


def is_date(text):
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_timezone(name):
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True


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
