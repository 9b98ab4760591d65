"""The section `web:` of config.yml: where the site listens, under which names, and behind which proxies."""

import ipaddress
import re
from dataclasses import dataclass

from ingest.config.checks import Problems, check_that

BASE_URL = re.compile(r"/([A-Za-z0-9_-]+/)*")
HOST_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.I)
OWN_PATHS = frozenset(
    "- api dash energy events metrics nodes radio reports static telemetry ups".split()
)  # what the site's own addresses begin with


@dataclass(frozen=True)
class Web:
    """Where the site listens, port 0 takes any free one; and below which path a proxy shows it.

    `hosts` are the names by which it may be asked for, beside those of `plugins.web.app.hosts`; `*.` at the
    beginning stands for every name below. `proxies` are the addresses and networks of programs whose
    `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    """

    host: str = "127.0.0.1"
    port: int = 8001
    base_url: str = "/"
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()

    def check(self) -> Problems:
        """Yield what is wrong: the address can be listened on, the path belongs to no page of the site."""
        yield from check_that(
            bool(self.host.strip()),
            "host",
            "is empty: 127.0.0.1 is for this machine alone, 0.0.0.0 for the network",
        )
        yield from check_that(0 <= self.port <= 65535, "port", f"{self.port} is not a port: 1 to 65535")
        if not BASE_URL.fullmatch(self.base_url):
            yield "base_url", f"{self.base_url!r} is not a path with / at both ends, such as /volt/"
        elif self.base_url.split("/")[1] in OWN_PATHS:
            yield (
                "base_url",
                f"{self.base_url!r} is a path of the site itself: choose another one, such as /volt/",
            )
        for name in self.hosts:
            yield from check_that(
                bool(HOST_NAME.fullmatch(name)),
                "hosts",
                f"{name!r} is not a host name: write it without port and path, such as house.example.net "
                "or *.example.net",
            )
        for address in self.proxies:
            yield from check_that(
                _network(address) is not None,
                "proxies",
                f"{address!r} is not an address: write 127.0.0.1, or a network such as 172.16.0.0/12",
            )

    def is_proxy(self, address: str) -> bool:
        """True for an address of `proxies`."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(ip in network for one in self.proxies if (network := _network(one)))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None
