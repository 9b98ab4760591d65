"""The section `mail:` of config.yml: the server that takes mails."""

from dataclasses import dataclass
from typing import Literal

from ingest.config.checks import Problems, check_that
from ingest.config.loader import keyed, secret


@dataclass(frozen=True)
class Mail:
    """A mail server (SMTP): `starttls` on the submission port, `tls` from the first byte, or `none`."""

    host: str
    sender: str = keyed("from")
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: str | None = secret(default=None)

    def check(self) -> Problems:
        """Yield what is wrong: the port, the sender's address, half of a login."""
        yield from check_that(0 < self.port < 65536, "port", "has to be 1 to 65535")
        yield from check_address("from", self.sender)
        yield from check_that(
            (self.username is None) == (self.password is None),
            "password" if self.password is None else "username",
            "is missing: username and password belong together; leave out both where the server takes none",
        )


def check_address(key: str, address: str) -> Problems:
    """A mail address has a name and a host, and nothing that could end a header line."""
    name, _, host = address.rpartition("@")
    fits = bool(name and host) and address.isprintable() and not set(address) & set(" ,;<>")
    return check_that(fits, key, f"{address!r} is not a mail address, such as owner@example.org")
