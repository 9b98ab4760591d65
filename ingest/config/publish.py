"""The section `publish:` of config.yml: what goes to an MQTT broker, and whether commands come back."""

from dataclasses import dataclass

from ingest.config.checks import Problems, check_that
from ingest.config.mqtt import check_prefix

SHORTEST_S, LONGEST_S = 5.0, 3600.0


@dataclass(frozen=True)
class PublishSettings:
    """State out by MQTT. `mqtt` names a broker of `mqtt:`; topics begin with `prefix`.

    `home_assistant` is the prefix of its discovery, None where nothing is announced. `commands` lets orders
    in, `updates` firmware, too. Everything is published anew each `every_s` seconds.
    """

    mqtt: str
    prefix: str = "voltkeeper"
    home_assistant: str | None = None
    commands: bool = False
    updates: bool = False
    every_s: float = 60.0

    def check(self) -> Problems:
        """Yield what is wrong: prefixes that are no topics, an interval out of range."""
        yield from check_prefix("prefix", self.prefix)
        if self.home_assistant is not None:
            yield from check_prefix("home_assistant", self.home_assistant)
            yield from check_that(
                self.home_assistant != self.prefix,
                "home_assistant",
                "is the same as prefix: each has its own",
            )
        yield from check_that(
            SHORTEST_S <= self.every_s <= LONGEST_S,
            "every_s",
            f"has to be {SHORTEST_S:g} to {LONGEST_S:g} seconds",
        )
