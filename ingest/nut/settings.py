"""The settings of a NUT server that its client side needs; the config has them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class TlsSettings(Protocol):
    """Whether a NUT server is spoken to in TLS, and with which certificates."""

    @property
    def used(self) -> bool:
        """Whether TLS is used at all; then nothing goes without it."""

    @property
    def verify(self) -> bool:
        """Whether the server's certificate has to be right."""

    @property
    def ca(self) -> Path | None:
        """Certificates that are trusted, in PEM; None for those of the machine."""

    @property
    def cert(self) -> Path | None:
        """Our own certificate, in PEM, for a server that wants one."""

    @property
    def key(self) -> Path | None:
        """The key of `cert`; None where it stands in the same file."""


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
