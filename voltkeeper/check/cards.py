"""`voltkeeper check`: what the cards of the home page refer to, by the config and saved queries."""

import sqlite3
from contextlib import closing
from pathlib import Path

from ingest.config.home import CHANNEL, HomeCard
from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.nearest import nearest
from reporting.canned_queries import load_queries
from voltkeeper.check.sources import Finding


def card_finding(config: Config) -> Finding | None:
    """How many cards there are, or what is wrong with them; None where the config names none."""
    cards = config.home.cards
    if not cards:
        return None
    queries = [*load_queries(), *_saved_queries(config.database)]
    faults = [
        fault for number, card in enumerate(cards, 1) if (fault := _fault(config, queries, number, card))
    ]
    return Finding(not faults, "; ".join(faults) or f"{len(cards)} card{'' if len(cards) == 1 else 's'}")


def _fault(config: Config, queries: list[str], number: int, card: HomeCard) -> str:
    if card.query and card.query not in queries:
        return f"card {number}: there is no canned query {card.query!r}: {nearest(card.query, queries)}"
    if match := CHANNEL.fullmatch(card.channel):
        gateways = [gateway.name for gateway in config.gateways]
        if match[1] not in gateways:
            return f"card {number}: there is no gateway {match[1]!r}: {nearest(match[1], gateways)}"
    if card.ups and not _has_ups(config, card.ups):
        return f"card {number}: no source has the UPS {card.ups!r}"
    return ""


def _saved_queries(path: Path) -> list[str]:
    """Names of saved queries; none of a file that cannot be read, which has a line of its own."""
    if not path.exists():
        return []
    try:
        with closing(connect(path, readonly=True)) as connection:
            return [name for (name,) in connection.execute("select name from saved_queries order by name")]
    except sqlite3.Error:
        return []


def _has_ups(config: Config, name: str) -> bool:
    """False where no source of the config can have this UPS."""
    ups, _, server = name.partition("@")
    of_nut = any(one.name == server and (not one.ups or ups in one.ups) for one in config.nut)
    return of_nut or any(one.name == name for one in config.must)
