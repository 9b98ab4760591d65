"""The section `web:` of config.yml: where the site listens."""

import re
from dataclasses import dataclass

from ingest.config.checks import Problems, check_that

BASE_URL = re.compile(r"/([A-Za-z0-9_-]+/)*")
OWN_PATHS = frozenset(
    "- api energy events metrics nodes radio reports static telemetry ups".split()
)  # what the site's own addresses begin with


@dataclass(frozen=True)
class Web:
    """Where the site listens, port 0 takes any free one; and below which path a proxy shows it."""

    host: str = "127.0.0.1"
    port: int = 8001
    base_url: str = "/"

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
