"""What a card is: a kind of the registry, the work of making one, and one that is made."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from datasette import Request

from ingest.config.home import SIZES, HomeCard
from plugins.web.endpoint import Json
from plugins.web.query import Row
from plugins.web.site import Site

COLUMNS = 12
MOST_OUTAGES = 50  # that cards look at
LIMIT_PART = 4  # a query that a card is made of has this part of the time limit of SQL: 500 ms of 2 s
SPANS = {"small": 4, "half": 6, "wide": 8, "full": COLUMNS, "folded": COLUMNS}  # columns

Found: TypeAlias = Mapping[str, list[Row] | None]


def limit_ms(site: Site) -> int:
    """How long a query that a card is made of may take: other cards of the page wait for it."""
    return max(1, site.sql_time_limit_ms // LIMIT_PART)


class CardError(Exception):
    """Why a card has nothing to show, with a message for people; `href` leads to where it can be seen."""

    is_fault: ClassVar[bool] = True

    def __init__(self, message: str, href: str = "") -> None:
        super().__init__(message)
        self.message, self.href = message, href


class EmptyCardError(CardError):
    """Why a card is empty where nothing is wrong: it is not shown as a fault."""

    is_fault = False


@dataclass(frozen=True)
class CardWork:
    """What a card is made of: how it is written, and the rows of the queries that cards share."""

    site: Site
    request: Request
    card: HomeCard
    found: Found

    def rows(self, name: str) -> list[Row]:
        """Rows of a shared query. Raises CardError where it took too long."""
        rows = self.found[name]
        if rows is None:
            raise CardError("This took too long and was left out.")
        return rows


Build: TypeAlias = Callable[[CardWork], Awaitable[Json]]


@dataclass(frozen=True)
class CardKind:
    """A kind of card: its title, what it shows in a few words, how it is made, and how large it is at first.

    `rows` is the view or query that has its data, `queries` are the shared queries it needs, `topics` what
    its rows change with. Its template is `templates/cards/NAME.html`, which gets what `build` returns.
    """

    name: str
    title: str
    about: str
    build: Build
    topics: str
    rows: str = ""
    size: str = "half"
    sizes: tuple[str, ...] = SIZES
    queries: tuple[str, ...] = ()
    is_bare: bool = False  # it brings frames of its own


@dataclass
class ShownCard:
    """A card as the page shows it: what its template needs, or the problem that it has."""

    id: int
    kind: CardKind
    card: HomeCard
    size: str
    title: str
    data: Json = field(default_factory=dict)
    problem: CardError | None = None
    columns: int = COLUMNS

    @property
    def key(self) -> str:
        """The id of its element."""
        return f"card-{self.id}"

    @property
    def span(self) -> str:
        """The class of its width."""
        return f"span-{self.columns}"


def fill_rows(cards: Sequence[ShownCard]) -> None:
    """Widen cards so that no row of them has a hole at its end, but for the last one of the page."""
    row: list[ShownCard] = []
    for card in cards:
        card.columns = SPANS[card.size]
        if row and sum(one.columns for one in row) + card.columns > COLUMNS:
            _widen(row)
            row = []
        row.append(card)
    if len(row) > 1:
        _widen(row)


def _widen(row: Sequence[ShownCard]) -> None:
    """Share out the columns that a row leaves free, the widest card first."""
    free = COLUMNS - sum(one.columns for one in row)
    for place in range(free):
        sorted(row, key=lambda one: -one.columns)[place % len(row)].columns += 1
