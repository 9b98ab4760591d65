"""The section `nut:` of config.yml: the NUT servers and the UPSes to read of each."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ingest.config.checks import Problems, check_intervals, check_name, check_that, check_unique
from ingest.config.loader import UNLISTED, secret

UPS_NAME = re.compile(r"[^\s@\"\\\x00-\x1f\x7f]+")  # what upsd accepts as one


@dataclass(frozen=True)
class NutTls:
    """TLS to a NUT server: its presence in the config turns it on, also without a key in it."""

    verify: bool = True
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    used: bool = field(default=True, metadata=UNLISTED)

    def check(self) -> Problems:
        """Yield what is wrong: files that would not be used."""
        if self.ca is not None and not self.verify:
            yield "ca", "is of no use with verify: false: take one of the two out"
        if self.key is not None and self.cert is None:
            yield "key", "is the key of cert: name that, too"


NO_TLS = NutTls(used=False)


@dataclass(frozen=True)
class NutServerSettings:
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
    tls: NutTls = NO_TLS

    @property
    def address(self) -> str:
        """Where it is, as text for people."""
        return f"tcp {self.host}:{self.port}"

    def check(self) -> Problems:
        """Yield what is wrong: address, names of UPSes, pace and both pairs of credentials are usable."""
        yield from check_name(self.name)
        yield from check_that(
            bool(self.host.strip()), "host", "is empty: the name or address of the machine that upsd runs on"
        )
        yield from check_that(
            0 < self.port <= 65535,
            "port",
            f"{self.port} is not a port; upsd listens on 3493 unless configured otherwise",
        )
        for ups in self.ups:
            yield from check_that(
                bool(UPS_NAME.fullmatch(ups)),
                "ups",
                f"{ups!r} is not the name of a UPS: it stands in [brackets] in upsd's ups.conf",
            )
        yield from check_unique(self.ups, "ups")
        yield from check_intervals(self)
        for user, word in (("username", "password"), ("command_username", "command_password")):
            yield from check_that(
                (getattr(self, user) is None) == (getattr(self, word) is None),
                user,
                f"needs {word}, and {word} needs it",
            )
