"""`gateways:`, `nut:`, `must:`, `ups:` and `energy:` of config.yml: what is read, and what sources do not say themselves."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.config.checks import check_name, check_unique, is_date, is_host_port
from ingest.config.loader import keyed, secret
from ingest.ups.registry import UpsSource
from ingest.ups.tariffs import parse_days, parse_hours

UPS_NAME = re.compile(r"[^\s@\"\\\x00-\x1f\x7f]+")  # what upsd takes for one


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


def check_pace(source):
    if not 0.5 <= source.poll_s <= 3600:
        yield "poll_s", "has to be 0.5 to 3600 seconds"
    if source.status_s < 0.5:
        yield "status_s", "has to be 0.5 or more seconds"


def ups_sources(nut: Iterable[NutServer], must: Iterable[Must]) -> list[UpsSource]:
    """Every source of UPSes in the config, in its order: NUT servers, then EP20s."""
    servers = [
        UpsSource(
            server.name,
            "nut",
            f"{server.host}:{server.port}",
            tuple(f"{ups}@{server.name}" for ups in server.ups),
        )
        for server in nut
    ]
    return servers + [UpsSource(device.name, "must", device.serial, (device.name,)) for device in must]
