"""Sources for a new config: what is on this machine, and what answers at an address that somebody names."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from ingest.config.checks import NAME
from ingest.config.model import BrokerSettings, GatewaySettings, MustSettings, NutServerSettings
from voltkeeper.check.brokers import probe_broker
from voltkeeper.check.sources import Finding, probe_gateway, probe_must, probe_nut
from voltkeeper.config_source import split_host_port

GATEWAY_PORT, UPSD_PORT, BROKER_PORT = 5003, 3493, 1883
LOCAL = "127.0.0.1"
BY_ID = Path("/dev/serial/by-id")
KINDS = {"gateways": "MySensors gateway", "nut": "NUT server", "mqtt": "MQTT broker", "must": "MUST EP20"}


@dataclass(frozen=True)
class Source:
    """An entry of `gateways:`, `nut:`, `mqtt:` or `must:`, and what a try of it showed."""

    section: str
    name: str
    keys: tuple[tuple[str, str | int], ...]  # of the entry, beside its name
    finding: Finding

    @property
    def title(self) -> str:
        """What it is, and where: `MySensors gateway 192.168.1.20:5003`."""
        return f"{KINDS[self.section]} {':'.join(str(value) for _, value in self.keys)}"


@dataclass(frozen=True)
class FoundPort:
    """A serial port of this machine, under the name that stays."""

    device: str
    description: str


def serial_ports(by_id: Path = BY_ID) -> list[FoundPort]:
    """The serial ports that have a device behind them, those with a lasting name under that name."""
    lasting = {str(link.resolve()): str(link) for link in sorted(by_id.glob("*"))}
    return [
        FoundPort(lasting.get(port.device, port.device), port.description)
        for port in sorted(list_ports.comports())
        if port.vid is not None or port.device in lasting
    ]


def try_gateway(address: str, names: Iterable[str] = ()) -> Source:
    """A gateway at HOST, HOST:PORT or /dev/...; `names` are taken."""
    name = _free_name("main", "gateway", names)
    if address.startswith("/"):
        settings = GatewaySettings(name, serial=address)
        keys: tuple[tuple[str, str | int], ...] = (("serial", address),)
    else:
        host, port = split_host_port(address)
        tcp = f"{f'[{host}]' if ':' in host else host}:{port or GATEWAY_PORT}"
        settings, keys = GatewaySettings(name, tcp=tcp), (("tcp", tcp),)
    return Source("gateways", name, keys, _checked(settings.check(), lambda: probe_gateway(settings)))


def try_nut(address: str, names: Iterable[str] = ()) -> Source:
    """A NUT server at HOST or HOST:PORT."""
    host, port = split_host_port(address)
    name = _free_name("nut", "nut", names)
    settings = NutServerSettings(name, host=host, port=port or UPSD_PORT)
    keys = (("host", host), *((("port", port),) if port not in (None, UPSD_PORT) else ()))
    return Source("nut", name, keys, _checked(settings.check(), lambda: probe_nut(settings)))


def try_mqtt(address: str, names: Iterable[str] = ()) -> Source:
    """An MQTT broker at HOST or HOST:PORT, without a user and without TLS."""
    host, port = split_host_port(address)
    settings = BrokerSettings(_free_name("broker", "broker", names), host=host, port=port)
    keys = (("host", host), *((("port", port),) if port not in (None, BROKER_PORT) else ()))
    return Source("mqtt", settings.name, keys, _checked(settings.check(), lambda: probe_broker(settings)))


def try_must(device: str, names: Iterable[str] = ()) -> Source:
    """An EP20 on a serial port."""
    name = _free_name("must", "must", names)
    settings = MustSettings(name, str(Path(device).absolute()))
    return Source("must", name, (("serial", settings.serial),), probe_must(settings))


TRIES = {"gateways": try_gateway, "nut": try_nut, "mqtt": try_mqtt, "must": try_must}


def local_upsd(port: int = UPSD_PORT) -> Source | None:
    """The NUT server of this machine, where one answers."""
    source = try_nut(LOCAL if port == UPSD_PORT else f"{LOCAL}:{port}")
    return source if source.finding.ok else None


def _checked(problems: Iterator[tuple[str, str]], probe: Callable[[], Finding]) -> Finding:
    """What is wrong with the address itself, else what a try shows."""
    problem = next(problems, None)
    return Finding(False, problem[1]) if problem is not None else probe()


def _free_name(first: str, further: str, taken: Iterable[str]) -> str:
    used = set(taken)
    name, number = first, 1
    while name in used:
        number += 1
        name = f"{further}-{number}"
    assert NAME.fullmatch(name)
    return name
