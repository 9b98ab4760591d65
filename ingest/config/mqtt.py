"""The section `mqtt:` of config.yml: the brokers that gateways, and what is published, go by."""

from dataclasses import dataclass
from importlib.util import find_spec

from ingest.config.checks import Problems, check_name, check_that
from ingest.mqtt.settings import NO_TLS, BrokerOptions, BrokerTls

INSTALL = ".venv/bin/pip install 'paho-mqtt>=2.1'"  # the extra `mqtt`
MAX_ID = 64  # characters of `client_id`; the name of a gateway or of a part follows
MAX_PREFIX = 200  # characters


@dataclass(frozen=True)
class BrokerTlsSettings(BrokerTls):
    """The key `tls:` of a broker."""

    def check(self) -> Problems:
        """Yield what is wrong: files that would not be used."""
        if self.ca is not None and not self.verify:
            yield "ca", "is of no use with verify: false: take one of the two out"
        if self.key is not None and self.cert is None:
            yield "key", "is the key of cert: name that, too"


@dataclass(frozen=True)
class BrokerSettings(BrokerOptions):
    """An MQTT broker as config.yml gives it."""

    tls: BrokerTlsSettings | BrokerTls = NO_TLS

    def check(self) -> Problems:
        """Yield what is wrong: address, credentials and client id are usable, and the client is installed."""
        yield from check_name(self.name)
        yield from check_that(
            bool(self.host.strip()) and not set(self.host) & set("/ \t"),
            "host",
            f"{self.host!r} is not the name or address of a broker, as 192.168.1.5; port: is for the port",
        )
        yield from check_that(
            self.port is None or 0 < self.port <= 65535,
            "port",
            f"{self.port} is not a port; brokers listen on 1883, or on 8883 with TLS",
        )
        yield from check_that(
            self.password is None or self.username is not None,
            "password",
            "needs username: a broker takes no password without one",
        )
        if self.client_id is not None:
            good = 0 < len(self.client_id) <= MAX_ID and self.client_id.isascii()
            yield from check_that(
                good and self.client_id.isprintable() and " " not in self.client_id,
                "client_id",
                f"has to be 1 to {MAX_ID} characters of ASCII without blanks",
            )
        yield from check_that(
            find_spec("paho") is not None,
            "",
            f"for a broker paho-mqtt is needed, and it is not installed: {INSTALL}",
        )


def check_prefix(key: str, prefix: str) -> Problems:
    """The first levels of topics: no wildcards, no empty level but for a slash at the begin."""
    levels = prefix.removeprefix("/").split("/")
    good = all(levels) and prefix.isprintable() and not set(prefix) & set("+#")
    yield from check_that(
        good and len(prefix) <= MAX_PREFIX and not prefix.startswith("$"),
        key,
        f"{prefix!r} is not the begin of a topic, such as mygateway1-out or house/attic-out",
    )
