"""The settings of a NUT server that its client side needs; the config has them."""

from collections.abc import Sequence
from typing import Protocol

from ingest.tls import TlsSettings


class ServerSettings(Protocol):
    """A NUT server: where it is, how often it is asked, and the users for reading and for orders."""

    @property
    def name(self) -> str:
        """What the source is called."""

    @property
    def host(self) -> str:
        """Name or address."""

    @property
    def port(self) -> int:
        """TCP port."""

    @property
    def ups(self) -> Sequence[str]:
        """The UPSes to read, by their names at the server; none for all that it lists."""

    @property
    def poll_s(self) -> float:
        """Seconds between two readings of every variable."""

    @property
    def status_s(self) -> float:
        """Seconds between two readings of `ups.status`."""

    @property
    def username(self) -> str | None:
        """User for reading, where the server wants one."""

    @property
    def password(self) -> str | None:
        """Password of `username`."""

    @property
    def command_username(self) -> str | None:
        """User for commands and settings."""

    @property
    def command_password(self) -> str | None:
        """Password of `command_username`."""

    @property
    def tls(self) -> TlsSettings:
        """TLS, for reading and for orders."""
