"""All kinds of cards, and how those of a page are made: one that fails or is slow costs only itself."""

import logging
import sqlite3
import time
from collections.abc import Sequence

from datasette import Forbidden, Request

from ingest.config.home import HomeCard
from plugins.web.canned import queries_of
from plugins.web.compat import written_queries
from plugins.web.dashboards import Placed
from plugins.web.pages.cards import built_in, of_data
from plugins.web.pages.cards.card import (
    MOST_OUTAGES,
    CardError,
    CardKind,
    CardWork,
    Found,
    ShownCard,
    fill_rows,
    limit_ms,
)
from plugins.web.query import Row, select
from plugins.web.readers import CONFIGURED_READERS, correct_attention, correct_readers
from plugins.web.site import Site

KINDS: dict[str, CardKind] = {kind.name: kind for kind in (*built_in.KINDS, *of_data.KINDS)}
QUERIES = {  # that cards share; `now` is a canned query
    "nodes": "select * from node_overview where retired_at is null",
    "upses": "select * from ups_overview where configured order by id",
    "attention": "select * from attention",
    "readers": CONFIGURED_READERS,
    "outages": f"select * from mains_outages order by started_at desc, id desc limit {MOST_OUTAGES}",
}
NOW = "house_now"

log = logging.getLogger(__name__)


async def read_shared(site: Site, names: Sequence[str]) -> dict[str, list[Row] | None]:
    """Rows of the shared queries by name; None for one that took too long or failed."""
    found: dict[str, list[Row] | None] = {}
    for name in dict.fromkeys(names):
        sql = queries_of(site)[NOW].sql if name == "now" else QUERIES[name]
        try:
            found[name] = await select(site, sql, limit_ms=limit_ms(site))
        except sqlite3.OperationalError as error:
            log.error("the query %s of the home page failed: %s", name, error)
            found[name] = None
    database = site.config.database
    if "attention" in found:
        found["attention"] = correct_attention(found["attention"], database)
    if "readers" in found:
        found["readers"] = correct_readers(found["readers"], database)
    return found


def kind_of(card: HomeCard) -> CardKind:
    """The kind of a card, whose name was checked when it was read."""
    return KINDS[card.kind]


def needed_queries(cards: Sequence[Placed]) -> tuple[str, ...]:
    """The shared queries that these cards need."""
    return tuple(dict.fromkeys(name for one in cards for name in kind_of(one.card).queries))


async def make_cards(site: Site, request: Request, cards: Sequence[Placed], found: Found) -> list[ShownCard]:
    """The cards in order, each with its data or with its problem.

    After the time limit of SQL, those that are not made yet are left out.
    """
    until, made = time.monotonic() + site.sql_time_limit_ms / 1000, []
    for one in cards:
        kind = kind_of(one.card)
        size, title = one.card.size or kind.size, one.card.title or _usual_title(site, one.card)
        shown = ShownCard(one.id, kind, one.card, size, title)
        if time.monotonic() > until:
            shown.problem = CardError("The page had taken long enough: this card was left out.")
        else:
            await _fill(shown, CardWork(site, request, one.card, found))
        made.append(shown)
    fill_rows(made)
    return made


def _usual_title(site: Site, card: HomeCard) -> str:
    """What a card is called until its data says it better, which a slow one never does."""
    of_query = written_queries(site).get(card.query, {}).get("title")
    figure = f"{card.ups}/{card.figure}" if card.figure else ""
    return str(of_query or card.channel or figure or kind_of(card).title)


async def _fill(shown: ShownCard, work: CardWork) -> None:
    try:
        shown.data = await shown.kind.build(work)
        shown.title = work.card.title or shown.data.get("title") or shown.title
    except CardError as error:
        shown.problem = error
    except (sqlite3.Error, Forbidden) as error:
        shown.problem = CardError(f"This card failed: {error}")
    except Exception as error:  # one card is not worth the page
        log.error("the card %s failed", work.card.as_dict(), exc_info=error)
        shown.problem = CardError("This card failed. The log of `voltkeeper web` has the details.")
