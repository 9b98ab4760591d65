"""`voltkeeper check` looks at what the cards of the home page refer to."""

import pytest

from ingest.config.home import Home, HomeCard
from ingest.config.model import Config, GatewaySettings, MustSettings, NutServerSettings
from ingest.db.connection import connect
from tests.helpers.new_database import new_database
from voltkeeper.check.cards import card_finding


def config(*cards, ups=(), **more):
    return Config(
        **more,
        gateways=(GatewaySettings("main", tcp="main:5003"),),
        nut=(NutServerSettings("closet", ups=ups),),
        must=(MustSettings("garage", "/dev/ttyUSB0"),),
        home=Home(tuple(cards)),
    )


def test_without_cards_there_is_no_line():
    assert card_finding(config()) is None


def test_cards_that_can_be_shown_are_counted():
    finding = card_finding(
        config(
            HomeCard("tiles"),
            HomeCard(query="stale_nodes"),
            HomeCard(channel="main/7/1/V_TEMP"),
            HomeCard(ups="rack@closet", figure="input.voltage"),
            HomeCard(ups="garage", figure="ups.load"),
        )
    )
    assert (finding.ok, finding.message) == (True, "5 cards")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (HomeCard(query="stale_node"), "there is no canned query 'stale_node': did you mean 'stale_nodes'?"),
        (HomeCard(channel="mian/7/1/V_TEMP"), "there is no gateway 'mian': did you mean 'main'?"),
        (HomeCard(ups="rack@closet", figure="ups.load"), "no source has the UPS 'rack@closet'"),
        (HomeCard(ups="gagare", figure="ups.load"), "no source has the UPS 'gagare'"),
    ],
)
def test_what_cannot_be_shown_is_named(card, message):
    finding = card_finding(config(HomeCard("tiles"), card, ups=("desk",)))
    assert (finding.ok, finding.message) == (False, f"card 2: {message}")


def test_a_saved_query_can_be_a_card(tmp_path):
    path = tmp_path / "house.db"
    cards = (HomeCard(query="cold_nights"),)
    assert not card_finding(config(*cards, database=path)).ok
    new_database(path)
    connection = connect(path)
    connection.execute(
        "insert into saved_queries (name, title, sql) values ('cold_nights', 'Cold', 'select 1')"
    )
    connection.close()
    assert card_finding(config(*cards, database=path)).ok
