"""The section `thresholds:` of config.yml: limits of values, beyond which ingest opens an event VALUE."""

from dataclasses import dataclass

from ingest.config.checks import Problems, check_name, check_that
from ingest.config.home import CHANNEL


@dataclass(frozen=True)
class ThresholdSettings:
    """A limit of a channel (GATEWAY/NODE_ID/CHILD/TYPE) or of a `figure` of `ups`, a column of `ups_samples`.

    The event opens when the value was `above` or `below` for `for_s` seconds, and closes when it is within
    again by `hysteresis`, in the value's unit.
    """

    name: str
    channel: str = ""
    figure: str = ""
    ups: str = ""
    above: float | None = None
    below: float | None = None
    for_s: float = 0.0
    hysteresis: float = 0.0

    def check(self) -> Problems:
        """Yield what is wrong: it has one subject and one limit."""
        yield from check_name(self.name)
        yield from check_that(
            bool(self.channel) != bool(self.figure), "", "a threshold has a channel, or a figure with its ups"
        )
        yield from check_that(bool(self.figure) == bool(self.ups), "ups", "figure and ups belong together")
        yield from check_that(
            not self.channel or bool(CHANNEL.fullmatch(self.channel)),
            "channel",
            f"{self.channel!r} is not GATEWAY/NODE_ID/CHILD/TYPE, such as main/7/1/V_TEMP",
        )
        yield from check_that(
            (self.above is None) != (self.below is None), "", "a threshold has one of above and below"
        )
        yield from check_that(0 <= self.for_s <= 86_400, "for_s", "has to be 0 to 86400 seconds")
        yield from check_that(self.hysteresis >= 0, "hysteresis", "has to be 0 or more")
