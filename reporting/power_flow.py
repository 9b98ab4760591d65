"""What feeds the load of a UPS at this moment and how much it is, from rows of the view ups_overview. Pure.

Pages draw it: mains -> UPS -> load. What is not known stays unknown, and what a silent UPS said is old.
"""

from collections.abc import Sequence
from enum import Enum
from statistics import median_low
from typing import NamedTuple

from ingest.ups.status import LOW_WORDS, TEST_WORDS, status_tokens
from reporting.canned_queries import Row

LEVELS_W = (
    1,
    20,
    60,
    150,
    400,
)  # from which on the dots of a wire are larger and faster; below the first: none
UNKNOWN_LEVEL = 2  # where power flows and nobody measures how much
TESTING = TEST_WORDS | {"CAL"}


class Feed(Enum):
    """What feeds the load."""

    MAINS = "mains"
    BATTERY = "battery"  # the mains failed
    TEST = "test"  # the battery, while there are mains
    BYPASS = "bypass"  # the mains, past the UPS
    OFF = "off"  # nothing: the output is off
    UNKNOWN = "unknown"  # it does not say, or it is silent


class Wire(NamedTuple):
    """A wire of the flow: `flow` with dots of a level from 0, `cut` or `unknown`."""

    kind: str
    level: int = 0

    @property
    def css(self) -> str:
        """Its classes in static/power.css."""
        return f"wire w{self.level}" if self.kind == "flow" else f"wire {self.kind}"


class UpsFlow(NamedTuple):
    """The flow through one UPS.

    `tone` is the class of its state; `known` is False where its figures are old.
    """

    feed: Feed
    known: bool
    tone: str
    wire_in: Wire
    wire_out: Wire
    charge: float | None

    @property
    def mains(self) -> str:
        """The class of the mains before it: ok, critical or none."""
        has_mains = self.feed in (Feed.MAINS, Feed.TEST, Feed.BYPASS)
        return "ok" if has_mains else "critical" if self.feed is Feed.BATTERY else "none"

    @property
    def word(self) -> str:
        """The feed in a word or two."""
        return FEED_WORDS[self.feed]


class HouseMains(NamedTuple):
    """The mains of all UPSes together: how many have it, of how many that say so.

    `volts` is the median of what they measure, and `at` the time of that sample.
    """

    fed: int
    known: int
    upses: int
    volts: float | None
    at: str | None
    since: str | None  # of the outage that began first and goes on

    @property
    def tone(self) -> str:
        """ok, warning, critical or none."""
        if not self.known:
            return "none"
        return "ok" if self.fed == self.known else "warning" if self.fed else "critical"

    @property
    def word(self) -> str:
        """The mains in a few words."""
        if not self.known:
            return "Not known"
        if self.fed == self.known:
            return "On mains"
        return f"Mains at {self.fed} of {self.known}" if self.fed else "No mains"

    @property
    def wire(self) -> Wire:
        """The wire that all UPSes branch off from."""
        return Wire("unknown") if not self.known else Wire("flow", 3) if self.fed else Wire("cut")


FEED_WORDS = {
    Feed.MAINS: "On mains",
    Feed.BATTERY: "On battery",
    Feed.TEST: "Testing",
    Feed.BYPASS: "On bypass",
    Feed.OFF: "Output off",
    Feed.UNKNOWN: "Not known",
}
_TONES = {"OK": "ok", "Warning": "warning", "Critical": "critical"}


def is_heard(ups: Row) -> bool:
    """True while what a UPS said last counts as its present state."""
    return ups["state"] not in ("Stale", "No data")


def feed_of(ups: Row) -> Feed:
    """What feeds the load of a row of ups_overview."""
    words = status_tokens(ups["status"])
    if not is_heard(ups):
        return Feed.UNKNOWN
    if ups["on_battery_since"]:
        return Feed.BATTERY
    if ups["mains"] == "test" or words & TESTING:
        return Feed.TEST
    if "OFF" in words:
        return Feed.OFF
    if "BYPASS" in words:
        return Feed.BYPASS
    on_battery = bool(words & {"OB", "ACFAIL", "!OL"})
    if on_battery and "OL" not in words:
        return Feed.BATTERY
    if ups["mains"] == "mains" or ("OL" in words and not on_battery):
        return Feed.MAINS
    return Feed.UNKNOWN


def level_of(watts: float | None) -> int:
    """How strong a flow is, from 0 for none to 5."""
    return UNKNOWN_LEVEL if watts is None else sum(watts >= limit for limit in LEVELS_W)


def flow_of(ups: Row) -> UpsFlow:
    """The flow through a row of ups_overview."""
    feed, known = feed_of(ups), is_heard(ups)
    strength = Wire("flow", level_of(ups["watts"]))
    unknown = Wire("unknown")
    wire_in = {Feed.MAINS: strength, Feed.BYPASS: strength, Feed.TEST: Wire("flow", 0)}.get(feed, unknown)
    if feed is Feed.BATTERY:
        wire_in = Wire("cut")
    wire_out = Wire("cut") if feed is Feed.OFF else strength if known else unknown
    low = bool(status_tokens(ups["status"]) & LOW_WORDS)
    tone = _TONES.get(ups["state"], "stale" if ups["state"] == "Stale" else "none")
    if low and tone == "ok":
        tone = "warning"
    return UpsFlow(feed, known, tone, wire_in, wire_out, ups["battery_charge"])


def mains_of(upses: Sequence[Row]) -> HouseMains:
    """The mains of rows of ups_overview that are read."""
    feeds = [
        (ups, feed) for ups in upses if (feed := feed_of(ups)) is not Feed.UNKNOWN and feed is not Feed.OFF
    ]
    fed = [ups for ups, feed in feeds if feed is not Feed.BATTERY]
    measured = {
        ups["input_voltage"]: ups["sampled_at"]
        for ups in fed or [ups for ups, _ in feeds]
        if ups["input_voltage"] is not None
    }
    volts = median_low(measured) if measured else None
    since = min((ups["on_battery_since"] for ups, _ in feeds if ups["on_battery_since"]), default=None)
    return HouseMains(
        len(fed), len(feeds), len(upses), volts, measured[volts] if volts is not None else None, since
    )
