"""The section `plugins:` of config.yml: config of Datasette's plugins, and what their pages may load."""

import re
from dataclasses import dataclass, field

from ingest.config.checks import Problems, check_that
from ingest.nearest import nearest

# Directives of a content security policy that a plugin may widen (https://www.w3.org/TR/CSP3/).
DIRECTIVES = tuple(
    "script-src style-src img-src connect-src font-src frame-src media-src worker-src manifest-src".split()
)
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
SOURCE = re.compile(r"[^\s;,]+")


@dataclass(frozen=True)
class PluginSettings:
    """What a plugin reads as its config, and what the pages at and below `paths` may load besides.

    In `config` a value {$env: NAME} stays as it is: Datasette looks it up when the plugin asks.
    """

    config: dict[str, object] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    csp: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self) -> Problems:
        """Yield what is wrong with paths and sources."""
        for path in self.paths:
            yield from check_that(
                bool(PATH.fullmatch(path)),
                "paths",
                f"{path!r} is no path below which a plugin has its pages: write one such as /-/dashboards",
            )
        yield from check_that(
            bool(self.paths) or not self.csp,
            "paths",
            "is needed with csp: the policy is widened below these paths alone, such as [/-/dashboards]",
        )
        for directive, sources in self.csp.items():
            yield from check_that(
                directive in DIRECTIVES,
                f"csp.{directive}",
                f"cannot be widened: {nearest(directive, DIRECTIVES)}",
            )
            for source in sources:
                yield from check_that(
                    bool(SOURCE.fullmatch(source)) and source != "'none'",
                    f"csp.{directive}",
                    f"{source!r} is no source: write one such as \"'unsafe-inline'\" or https://tile.example",
                )
