"""The cards of the home page in config.yml: what can be written, and what is wrong with the rest."""

import pytest

from ingest.config.home import CARDS, MOST_CARDS, HomeCard
from ingest.config.model import ConfigError, read_config


def cards(*written):
    config, _ = read_config({"home": {"cards": list(written)}}, "/", "config.yml")
    return config.home.cards


def test_a_card_is_a_name_or_a_mapping():
    assert cards("tiles", {"card": "power", "size": "wide"}) == (
        HomeCard("tiles"),
        HomeCard("power", size="wide"),
    )
    assert cards({"query": "battery_age", "params": {"days": 30}})[0].params == {"days": "30"}
    assert cards({"channel": "main/7/1/V_TEMP", "range": "7 d", "title": "Shed"})[0].kind == "channel"
    assert cards({"ups": "rack@closet", "figure": "input.voltage"})[0].kind == "figure"
    assert cards() == ()


def test_every_kind_goes_back_into_what_it_was_written_as():
    for written in (
        *({"card": name} for name in CARDS),
        {"query": "a", "params": {"b": "c"}, "size": "full"},
    ):
        assert cards(written)[0].as_dict() == written


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("tilez", "home.cards[1].card: there is no card 'tilez': did you mean 'tiles'?"),
        ({"card": "tiles", "sise": "half"}, "home.cards[1]: unknown key 'sise': did you mean 'size'?"),
        ({"card": "tiles", "size": "huge"}, "'huge' is none of small, half, wide, full, folded"),
        ({"card": "tiles", "query": "a"}, "a card is one of: card (its name), query"),
        ({}, "this has none"),
        ({"channel": "main/7"}, "'main/7' is not GATEWAY/NODE_ID/CHILD/TYPE, such as main/7/1/V_TEMP"),
        ({"ups": "rack@closet"}, "ups and figure belong together"),
        ({"ups": "rack", "figure": "Input Voltage"}, "'Input Voltage' is not a variable"),
        ({"query": "a", "range": "8d"}, "'8d' is none of 1h, 6h"),
        ({"card": "tiles", "params": {"a": "b"}}, "are those of a query"),
        ({"query": "a", "params": {"a": "b" * 61}}, "longer than 60 characters"),
        ({"card": "tiles", "title": "x" * 61}, "is longer than 60 characters"),
        (7, "has to be a mapping with the keys card, query"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(card, message):
    with pytest.raises(ConfigError) as error:
        cards(card)
    assert message in str(error.value)


def test_there_are_not_too_many():
    assert len(cards(*["tiles"] * MOST_CARDS)) == MOST_CARDS
    with pytest.raises(ConfigError, match=f"at most {MOST_CARDS}"):
        cards(*["tiles"] * (MOST_CARDS + 1))
