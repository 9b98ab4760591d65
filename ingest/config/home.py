"""The section `home:` of config.yml, and how a card of a dashboard is written there and on pages."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ingest.config.checks import Problems, check_that
from ingest.nearest import nearest

CARDS = (  # those that the site brings along
    *("tiles", "power", "attention", "flow", "sensors"),
    *("ups", "nodes", "outages", "events", "messages", "sources"),
)
SIZES = ("small", "half", "wide", "full", "folded")
RANGES = ("1h", "6h", "24h", "7d", "30d", "90d", "1y", "5y")
MOST_CARDS, MOST_PARAMS = 40, 10
LONGEST = 60  # characters of a title, and of a value of `params`
CHANNEL = re.compile(r"([a-z0-9_-]{1,60})/(\d{1,3})/(\d{1,3})/(\w{1,40})", re.ASCII)
FIGURE = re.compile(r"[a-z0-9._-]{1,60}")
ONE_OF = "a card is one of: card (its name), query, channel, or ups with figure"


@dataclass(frozen=True)
class HomeCard:
    """A card: its name, a canned query, a channel as GATEWAY/NODE_ID/CHILD/TYPE, or a figure of a UPS."""

    PLAIN: ClassVar[str] = "card"  # the key that a text alone stands for

    card: str = ""
    query: str = ""
    channel: str = ""
    ups: str = ""
    figure: str = ""
    range: str = ""
    size: Literal["", "small", "half", "wide", "full", "folded"] = ""
    title: str = ""
    params: dict[str, str] = field(default_factory=dict)

    def check(self) -> Problems:
        """Yield what is wrong: it is one of the kinds, and has nothing that belongs to another."""
        kinds = [kind for kind in ("card", "query", "channel", "ups") if getattr(self, kind)]
        yield from check_that(len(kinds) == 1, "", f"{ONE_OF}; this has {' and '.join(kinds) or 'none'}")
        if self.card:
            yield from check_that(
                self.card in CARDS, "card", f"there is no card {self.card!r}: {nearest(self.card, CARDS)}"
            )
        if self.channel:
            yield from check_that(
                bool(CHANNEL.fullmatch(self.channel)),
                "channel",
                f"{self.channel!r} is not GATEWAY/NODE_ID/CHILD/TYPE, such as main/7/1/V_TEMP",
            )
        yield from self._check_figure()
        yield from check_that(
            self.range.replace(" ", "") in ("", *RANGES),
            "range",
            f"{self.range!r} is none of {', '.join(RANGES)}",
        )
        yield from check_that(len(self.title) <= LONGEST, "title", f"is longer than {LONGEST} characters")
        yield from self._check_params()

    def _check_figure(self) -> Problems:
        yield from check_that(
            bool(self.figure) == bool(self.ups),
            "figure",
            "ups and figure belong together, such as {ups: rack@closet, figure: input.voltage}",
        )
        yield from check_that(
            not self.figure or bool(FIGURE.fullmatch(self.figure)),
            "figure",
            f"{self.figure!r} is not a variable, such as input.voltage",
        )

    def _check_params(self) -> Problems:
        yield from check_that(not self.params or bool(self.query), "params", "are those of a query")
        fits = len(self.params) <= MOST_PARAMS and all(len(text) <= LONGEST for text in self.params.values())
        yield from check_that(fits, "params", f"more than {MOST_PARAMS}, or longer than {LONGEST} characters")

    @property
    def kind(self) -> str:
        """Its name; `query`, `channel` or `figure` for those that are made of data."""
        return self.card or ("query" if self.query else "channel" if self.channel else "figure")

    def as_dict(self) -> dict[str, object]:
        """The keys that are given."""
        return {name: value for name in KEYS if (value := getattr(self, name))}


KEYS = ("card", "query", "channel", "ups", "figure", "range", "size", "title", "params")
DEFAULT_CARDS = tuple(
    HomeCard(card)
    for card in ("tiles", "power", "attention", "flow", "sensors", "nodes", "outages", "messages", "sources")
)


@dataclass(frozen=True)
class Home:
    """The cards of the home page, in this order; those of DEFAULT_CARDS where none are named."""

    cards: tuple[HomeCard, ...] = ()

    def check(self) -> Problems:
        """Yield what is wrong: there are too many."""
        yield from check_card_count(self.cards)


def check_card_count(cards: Sequence[HomeCard]) -> Problems:
    """A dashboard has so many cards at most."""
    return check_that(len(cards) <= MOST_CARDS, "cards", f"{len(cards)} cards: at most {MOST_CARDS}")
