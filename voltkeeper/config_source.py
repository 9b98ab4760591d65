"""Which config a command runs with: a file, the options of the command line, or the demo house."""

import os
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from ingest.config.model import Config, ConfigError, load_config, read_config

DEFAULT = "config.yml"


def named_file(path: str | None) -> Path | None:
    """Return the config file: named by option or VOLTKEEPER_CONFIG, else the default one if it exists."""
    path = path or os.environ.get("VOLTKEEPER_CONFIG")
    return Path(path) if path else Path(DEFAULT) if Path(DEFAULT).exists() else None


@dataclass(frozen=True)
class Sources:
    """What the options of the command line name to be read, in place of a file."""

    gateway: str | None = None  # HOST:PORT
    mqtt: str | None = None  # HOST or HOST:PORT of a broker
    mqtt_prefix: str | None = None  # of the topics, without -out and -in
    nut: str | None = None  # HOST or HOST:PORT
    must: str | None = None  # a device
    poll: float | None = None  # seconds between two samples of a UPS

    def __bool__(self) -> bool:
        return any((self.gateway, self.nut, self.must, self.mqtt))

    def values(self) -> dict[str, object]:
        """Return the sections of a config that mean the same."""
        pace = {} if self.poll is None else {"poll_s": self.poll}
        host, port = split_host_port(self.nut or "")
        server = {"name": "nut", "host": host, **({"port": port} if port else {}), **pace}
        prefix = self.mqtt_prefix or "mygateway1"
        by_mqtt = {"mqtt": "broker", "publish": f"{prefix}-out", "subscribe": f"{prefix}-in"}
        broker, broker_port = split_host_port(self.mqtt or "")
        return {
            "mqtt": [{"name": "broker", "host": broker, **({"port": broker_port} if broker_port else {})}]
            if self.mqtt
            else [],
            "gateways": [
                *([{"name": "main", "tcp": self.gateway}] if self.gateway else []),
                *([{"name": "mqtt", **by_mqtt}] if self.mqtt else []),
            ],
            "nut": [server] if self.nut else [],
            "must": [{"name": "must", "serial": str(Path(self.must).absolute()), **pace}]
            if self.must
            else [],
        }


NO_SOURCES = Sources()


def split_host_port(text: str) -> tuple[str, int | None]:
    """Split HOST or HOST:PORT into (host, port or None); an IPv6 address with a port stands in brackets."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return text, None


def choose_config(
    path: str | None = None,
    sources: Sources = NO_SOURCES,
    port: int | None = None,
    demo: bool = False,
    looking: bool = False,
) -> Config:
    """Return the Config for these options; without a file and sources it is the demo house's.

    Raises ConfigError.

    `port` is that of the site, `demo` asks for the demo house whatever files there are. `looking` means,
    without a file and sources, what ran last without a file.
    """
    file = None if demo else named_file(path)
    if sources.mqtt_prefix and not sources.mqtt:
        raise ConfigError("--mqtt-prefix names the topics of a broker: give that as --mqtt HOST, too")
    if file and sources:
        raise ConfigError(
            f"--gateway, --mqtt, --nut and --must run without a config, but there is {file}: "
            "write it there, under gateways:, mqtt:, nut: or must:; `voltkeeper check` tries it all the same"
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


def without_file(sources: Sources = NO_SOURCES) -> Config:
    """Return the Config of these sources and defaults for the rest. Raises ConfigError."""
    return read_config(sources.values(), Path.cwd(), "command line")[0]


def own_config(path: str | None = None) -> Config:
    """Return the Config of the installation, never that of the demo: a file, or the defaults.

    Raises ConfigError.
    """
    file = named_file(path)
    return load_config(file) if file else without_file()


def demo_house(sources: Sources = NO_SOURCES) -> Config:
    """Return the Config of the demo house, whose gateway and NUT server are at these addresses."""
    from ingest.demo.site import demo_config

    nut_port = split_host_port(sources.nut)[1] if sources.nut else None
    return demo_config(sources.gateway or "127.0.0.1:0", nut_port or 3493)


def last_used() -> Config:
    """Return the Config of the demo house or the plain one: that whose database was written last."""
    return max(demo_house(), without_file(), key=_written)


def _written(config: Config) -> float:
    paths = (config.database, Path(f"{config.database}-wal"))
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


def child_arguments(config: Config) -> list[str]:
    """Return the options with which a child chooses the same Config."""
    port = ["--port", str(config.web.port)]
    if config.path:
        return ["--config", str(config.path), *port]
    polls = [*(str(server.poll_s) for server in config.nut), *(str(device.poll_s) for device in config.must)]
    options = (
        *(("--gateway", gateway.tcp) for gateway in config.gateways if gateway.tcp),
        *(("--mqtt", f"[{broker.host}]:{broker.port_used}") for broker in config.mqtt),
        *(
            ("--mqtt-prefix", gateway.publish.removesuffix("-out"))
            for gateway in config.gateways
            if gateway.publish
        ),
        *(("--nut", f"[{server.host}]:{server.port}") for server in config.nut),
        *(("--must", device.serial) for device in config.must),
        ("--demo",) if config.demo else ("--poll", *polls[:1]) if polls else (),
    )
    return [*chain.from_iterable(options), *port]
