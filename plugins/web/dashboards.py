"""Dashboards as they are stored: cards that users placed, before those of the config and the default ones."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ingest.config.home import DEFAULT_CARDS, HomeCard, check_card_count
from ingest.config.loader import SectionReader
from plugins.web.query import Row
from plugins.web.site import Site

HOME = "home"
MOST = 50  # dashboards
LONGEST_JSON = 32_768  # characters of `cards`
# A dashboard, or the name alone; and whether there are UPSes and nodes.
STORED = """select d.*, exists (select 1 from ups where configured) as has_upses,
  exists (select 1 from nodes where retired_at is null) as has_nodes
from (select 1) left join dashboards d on d.name = :name"""
OF_UPSES, OF_NODES = ("power", "flow", "outages"), ("sensors", "nodes", "messages")  # default cards


class CardsError(ValueError):
    """Why cards cannot be taken, with a message for whoever sent them."""


class Placed(NamedTuple):
    """A card at its place; its id is its own within the dashboard."""

    id: int
    card: HomeCard


@dataclass(frozen=True)
class Dashboard:
    """A dashboard. `updated_at` is None for the home page that nobody arranged on a page."""

    name: str
    title: str
    cards: tuple[Placed, ...]
    updated_at: str | None = None
    updated_by: str | None = None

    @property
    def href(self) -> str:
        """Its page."""
        return "/" if self.name == HOME else f"/dash/{self.name}"

    def find(self, number: int) -> int | None:
        """The place of a card."""
        return next((place for place, one in enumerate(self.cards) if one.id == number), None)

    def placed(self, card: HomeCard) -> "Dashboard":
        """With one more card, at the end."""
        number = max((one.id for one in self.cards), default=0) + 1
        return replace(self, cards=(*self.cards, Placed(number, card)))

    def moved(self, place: int, to: int) -> "Dashboard":
        """With a card at another place."""
        left = [*self.cards[:place], *self.cards[place + 1 :]]
        left.insert(max(0, min(to, len(left))), self.cards[place])
        return replace(self, cards=tuple(left))

    def resized(self, place: int, size: str) -> "Dashboard":
        """With a card in another size. Raises CardsError."""
        one = self.cards[place]
        card = parse_card({**one.card.as_dict(), "size": size})
        return replace(self, cards=(*self.cards[:place], Placed(one.id, card), *self.cards[place + 1 :]))

    def without(self, place: int) -> "Dashboard":
        """Without a card."""
        return replace(self, cards=(*self.cards[:place], *self.cards[place + 1 :]))

    def as_json(self) -> str:
        """The cards as the column `cards` has them. Raises CardsError where there are too many."""
        for _, problem in check_card_count([one.card for one in self.cards]):
            raise CardsError(problem)
        text = json.dumps([{"id": one.id, **one.card.as_dict()} for one in self.cards], ensure_ascii=False)
        if len(text) > LONGEST_JSON:
            raise CardsError(f"the cards are longer than {LONGEST_JSON} characters")
        return text


def parse_card(value: object) -> HomeCard:
    """A card of a name, or of an object with the keys of config.yml. Raises CardsError."""
    reader = SectionReader("", environment={})
    card = reader.section(HomeCard, {HomeCard.PLAIN: value} if isinstance(value, str) else value, "card")
    if card is None or reader.errors:
        raise CardsError("; ".join(reader.errors))
    return card


def parse_cards(text: str) -> tuple[Placed, ...]:
    """Cards of JSON, a list of names and objects. Raises CardsError."""
    if len(text) > LONGEST_JSON:
        raise CardsError(f"cards is longer than {LONGEST_JSON} characters")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise CardsError("cards is no JSON") from None
    if not isinstance(values, list):
        raise CardsError('cards is not a list, such as ["tiles", {"query": "stale_nodes"}]')
    cards = [_place(number, value) for number, value in enumerate(values, 1)]
    if len({one.id for one in cards}) < len(cards):
        cards = [Placed(number, one.card) for number, one in enumerate(cards, 1)]
    return tuple(cards)


def _place(number: int, value: object) -> Placed:
    if not isinstance(value, dict):
        return Placed(number, parse_card(value))
    known = value.get("id")
    given = {name: one for name, one in value.items() if name != "id"}
    return Placed(known if isinstance(known, int) and known > 0 else number, parse_card(given))


def own_cards(site: Site, row: Row) -> tuple[Placed, ...]:
    """The cards of the home page where no user has arranged them: those of the config, else the default.

    Where there are only UPSes or only nodes, the default cards of the others are left out.
    """
    cards: Sequence[HomeCard] = site.config.home.cards
    if not cards:
        left_out = OF_NODES if not row["has_nodes"] and row["has_upses"] else ()
        left_out = OF_UPSES if row["has_nodes"] and not row["has_upses"] else left_out
        cards = [card for card in DEFAULT_CARDS if card.kind not in left_out]
    return tuple(Placed(number, card) for number, card in enumerate(cards, 1))


def parse_dashboard(site: Site, name: str, row: Row) -> Dashboard | None:
    """A dashboard of its row of STORED; without one, the home page. Raises CardsError for a spoilt row."""
    if row["name"] is not None:
        cards = parse_cards(row["cards"])
        return Dashboard(name, row["title"], cards, row["updated_at"], row["updated_by"])
    return Dashboard(HOME, "Home", own_cards(site, row)) if name == HOME else None


def read_dashboard(connection: sqlite3.Connection, site: Site, name: str) -> Dashboard | None:
    """A dashboard inside of a transaction. Raises CardsError."""
    return parse_dashboard(site, name, dict(connection.execute(STORED, {"name": name}).fetchone()))


def save_dashboard(connection: sqlite3.Connection, dashboard: Dashboard, actor: str, at: str) -> None:
    """Write the row of a dashboard. Raises CardsError."""
    connection.execute(
        """insert into dashboards (name, title, cards, updated_at, updated_by) values (?, ?, ?, ?, ?)
        on conflict (name) do update set title = excluded.title, cards = excluded.cards,
          updated_at = excluded.updated_at, updated_by = excluded.updated_by""",
        (dashboard.name, dashboard.title, dashboard.as_json(), at, actor),
    )
