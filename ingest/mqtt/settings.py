"""Settings of a broker as its clients use them; the config has them."""

from dataclasses import dataclass, field
from pathlib import Path

PORT, TLS_PORT = 1883, 8883


@dataclass(frozen=True)
class BrokerTls:
    """TLS to a broker: its presence in the config turns it on, also without a key in it."""

    verify: bool = True
    ca: Path | None = None  # certificates that are trusted, in PEM; None for those of the machine
    cert: Path | None = None  # our own, for a broker that wants one
    key: Path | None = None  # of `cert`; None where it stands in the same file
    used: bool = field(default=True, metadata={"unlisted": True})


NO_TLS = BrokerTls(used=False)


@dataclass(frozen=True)
class BrokerOptions:
    """An MQTT broker. Each connection to it has a client id of its own, which begins with `client_id`."""

    name: str
    host: str
    port: int | None = None  # None for 1883, or 8883 with TLS
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_id: str | None = None
    tls: BrokerTls = NO_TLS

    @property
    def port_used(self) -> int:
        """The port to connect to."""
        return self.port or (TLS_PORT if self.tls.used else PORT)

    @property
    def address(self) -> str:
        """Where it is, as text for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls.used else 'mqtt'} {host}:{self.port_used}"
