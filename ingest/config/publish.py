"""The section `publish:` of config.yml: what goes to an MQTT broker, and whether commands come back."""

from dataclasses import dataclass

from ingest.config.checks import Problems, check_that

MAX_PREFIX = 200  # characters
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
        yield from check_topic("prefix", self.prefix)
        if self.home_assistant is not None:
            yield from check_topic("home_assistant", self.home_assistant)
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


def check_topic(key: str, prefix: str) -> Problems:
    """The first levels of topics have no wildcards and no empty level."""
    is_right = all(prefix.split("/")) and prefix.isprintable() and not set(prefix) & set("+#")
    return check_that(
        is_right and len(prefix) <= MAX_PREFIX and not prefix.startswith("$"),
        key,
        f"{prefix!r} is not the begin of a topic, such as voltkeeper or house/voltkeeper",
    )
