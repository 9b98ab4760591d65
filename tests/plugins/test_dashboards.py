"""Dashboards: page over config over default, every change is checked and audited, and what programs get."""

import html
import json
import re

import pytest

from ingest.config.home import MOST_CARDS, Home, HomeCard
from plugins.web.dashboards import MOST, CardsError, parse_cards
from tests.plugins.site_helpers import ACCESS, BROWSER, bearer

HOME = "/-/dashboards/home"


def post(site, path, status=200, token="bot-token-0123456789", **fields):
    answer = site.post(path, json=fields, headers=bearer(token))
    assert answer.status_code == status, answer.text
    return answer.json()


def change(site, change, card="", status=200, name="home", **fields):
    return post(
        site, f"/-/dashboards/{name}/cards", status, **{"change": change, "card": str(card), **fields}
    )


def cards(site, name="home"):
    return [
        one.get("card") or one.get("query") or one.get("channel") or one["figure"]
        for one in site.get(f"/dash/{name}.json").json()["cards"]
    ]


def titles(text):
    return re.findall(r'aria-labelledby="card-\d+-title">\s*<header><h2[^>]*>([^<]+)</h2>', text)


@pytest.fixture(scope="module")
def refusing(module_site):
    """A site to which the tests send what it refuses."""
    return module_site(access=ACCESS)


def test_the_page_wins_over_the_config_which_wins_over_the_default(make_site):
    assert cards(make_site(access=ACCESS)) == [
        *("tiles", "attention", "sensors", "nodes", "messages", "sources"),
    ]  # there is no UPS
    site = make_site(access=ACCESS, home=Home((HomeCard("sources", size="half"), HomeCard("nodes"))))
    assert cards(site) == ["sources", "nodes"]
    change(site, "up", 2)
    assert cards(site) == ["nodes", "sources"]
    post(site, f"{HOME}/delete")
    assert cards(site) == ["sources", "nodes"]
    assert post(site, f"{HOME}/delete", 404)["errors"] == ["The home page is as the config has it"]


def test_cards_are_added_moved_sized_and_removed(site):
    answer = change(site, "add", "query:stale_nodes", size="half", title="Who is silent")
    added = answer["cards"][-1]
    assert added == {"id": 7, "query": "stale_nodes", "size": "half", "title": "Who is silent"}
    assert answer["message"] == "Who is silent is added"
    assert change(site, "move", 7, to="1")["message"] == "Who is silent is card 1 of 7 now"
    assert cards(site)[:2] == ["stale_nodes", "tiles"]
    assert change(site, "up", 7)["message"] == "Who is silent is card 1 of 7 now"  # it is there already
    change(site, "down", 7)
    assert cards(site)[:2] == ["tiles", "stale_nodes"]
    assert change(site, "size", 7, size="full")["cards"][1]["size"] == "full"
    change(site, "remove", 7)
    assert "stale_nodes" not in cards(site)
    assert change(site, "add", "channel:main/12/1/V_TEMP", range="7d")["cards"][-1]["range"] == "7d"
    assert change(site, "add", channel="main/12/2/V_HUM")["cards"][-1]["channel"] == "main/12/2/V_HUM"
    change(site, "add", "figure:rack@closet/input.voltage")
    assert site.get("/dash/home.json").json()["cards"][-1]["ups"] == "rack@closet"
    text = site.page("/")
    assert "Greenhouse 12 · Air</h2>" in text and "There is no UPS" in text


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"change": "add", "card": "tilez"}, 400, "there is no card 'tilez': did you mean 'tiles'?"),
        ({"change": "add", "card": "page:x"}, 400, "'page:x' is no card"),
        ({"change": "add", "card": "channel:12/1"}, 400, "is not GATEWAY/NODE_ID/CHILD/TYPE"),
        ({"change": "add", "card": "figure:rack@closet"}, 400, "ups and figure belong together"),
        ({"change": "add", "card": "tiles", "size": "huge"}, 400, "'huge' is none of small, half"),
        ({"change": "add", "card": "tiles", "range": "8d"}, 400, "'8d' is none of 1h, 6h"),
        ({"change": "add", "card": "tiles", "title": "x" * 61}, 400, "longer than 60 characters"),
        ({"change": "add"}, 400, "card is needed"),
        ({"change": "turn", "card": "1"}, 400, "needed is one of add, up"),
        ({"change": "up", "card": "99"}, 404, "has no card 99"),
        ({"change": "up", "card": "x"}, 400, "a whole number"),
        ({"change": "size", "card": "1", "size": ""}, 400, "size is needed"),
        ({"change": "move", "card": "1", "to": "-1"}, 400, "to is needed"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(refusing, fields, status, words):
    answer = post(refusing, f"{HOME}/cards", status, **fields)
    assert words in "; ".join(answer["errors"])
    assert refusing.rows("select count(*) from dashboards") == [(0,)]
    [(outcome,)] = refusing.rows("select outcome from audit order by id desc limit 1")
    assert outcome.startswith("refused: ") and words in outcome


def test_a_dashboard_is_made_renamed_shown_and_deleted(site):
    made = post(site, "/-/dashboards", 201, name="Cellar", title=" Cellar  and\tgarage ", cards='["sources"]')
    assert made["href"] == "/dash/cellar"
    assert post(site, "/-/dashboards", 409, name="cellar")["errors"] == [
        "There is a dashboard cellar already"
    ]
    assert "Cellar and garage" in site.page("/dash") and "Cellar and garage" in site.page("/")
    text = site.page("/dash/cellar")
    assert "<h1><bdi>Cellar and garage</bdi></h1>" in text and 'id="headline"' in text
    post(site, "/-/dashboards/cellar", title="<b>Bar</b>", cards='[{"card": "nodes", "size": "full"}]')
    assert titles(site.page("/dash/cellar")) == ["Nodes"] and "<b>Bar" not in site.page("/dash/cellar")
    post(site, "/-/dashboards/cellar", 400)
    change(site, "remove", 1, name="cellar")
    assert "has no cards yet" in site.page("/dash/cellar")
    post(site, "/-/dashboards/cellar/delete")
    assert "There is no dashboard cellar" in site.page("/dash/cellar", 404)
    change(site, "add", "tiles", 404, name="cellar")
    assert site.get("/dash/home", headers=BROWSER).headers["location"] == "/"


@pytest.mark.parametrize("name", ["home", "", "a b", "ä", "x" * 41, "a/b"])
def test_names_of_dashboards_are_plain(refusing, name):
    post(refusing, "/-/dashboards", 409 if name == "home" else 400, name=name)


def test_everything_has_a_limit(site):
    for number in range(MOST):
        post(site, "/-/dashboards", 201, name=f"d{number}")
    assert f"at most {MOST}" in post(site, "/-/dashboards", 409, name="more")["errors"][0]
    change(site, "add", "tiles")  # home is none of them
    full = json.dumps(["sources"] * MOST_CARDS)
    post(site, "/-/dashboards/d1", cards=full)
    assert f"at most {MOST_CARDS}" in change(site, "add", "tiles", 409, name="d1")["errors"][0]
    assert len(cards(site, "d1")) == MOST_CARDS


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[",
        '["tilez"]',
        "[1]",
        "[null]",
        '[{"card": "tiles", "sise": "half"}]',
        '[{"card": {"$env": "HOME"}}]',
        '[{"query": "a", "params": {"x": "' + "y" * 61 + '"}}]',
        "[" * 100_000,
        json.dumps(["sources"] * 9000),
    ],
)
def test_cards_that_are_no_cards_are_refused(text):
    with pytest.raises(CardsError):
        parse_cards(text)


def test_ids_of_cards_are_their_own():
    assert [one.id for one in parse_cards('[{"id": 7, "card": "tiles"}, {"id": 3, "card": "nodes"}]')] == [
        7,
        3,
    ]
    assert [one.id for one in parse_cards('[{"id": 7, "card": "tiles"}, {"id": 7, "card": "nodes"}]')] == [
        1,
        2,
    ]


def test_a_row_that_was_spoilt_is_an_empty_dashboard_that_can_be_reset(site):
    change(site, "up", 2)
    site.run(
        site.datasette.get_database("telemetry").execute_write("update dashboards set cards = 'nonsense'")
    )
    assert "has no cards yet" in site.page("/")
    post(site, f"{HOME}/delete")
    assert "tiles" in cards(site)


def test_every_change_is_audited_and_raises_the_topic(site):
    change(site, "add", "events")
    post(site, f"{HOME}/delete")
    assert site.rows("select actor, action, subject, outcome from audit order by id") == [
        ("bot", "arrange dashboard", "home", "done"),
        ("bot", "delete dashboard", "home", "done"),
    ]
    assert site.rows("select seq from changes where topic = 'dashboards'") == [(2,)]
    [row] = site.get("/telemetry/dashboards.json?_shape=array").json() or [None]
    assert row is None


def test_the_right_to_edit_is_needed(site):
    for path in ("/-/dashboards", HOME, f"{HOME}/cards", f"{HOME}/delete"):
        assert site.post(path, json={}).status_code == 401
        assert site.post(path, json={}, headers=bearer("reader-token-0123456789")).status_code == 403


def test_arranging_works_with_plain_forms(site):
    site.login()
    text = html.unescape(site.page("/?arrange=1"))
    forms = re.findall(r'<form class="card-tools"[^>]*action="([^"]+)"', text)
    assert len(forms) == 6 and set(forms) == {f"{HOME}/cards"}  # without the cards of UPSes
    token = re.search(r'name="csrftoken" value="([^"]+)"', text)[1]
    site.cookies.update(site.get("/?arrange=1", headers=BROWSER).cookies)
    data = {"csrftoken": token, "change": "down", "card": "3", "next": "/?arrange=1#card-3"}
    answer = site.post(f"{HOME}/cards", data=data, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (302, "/?arrange=1#card-3")
    assert cards(site).index("sensors") == 3
    assert 'value="query:stale_nodes"' in text and 'value="channel:main/12/1/V_TEMP"' in text


def test_without_the_right_there_is_nothing_to_press(site):
    text = site.page("/?arrange=1")
    assert 'name="change" value="add"' not in text and "Sign in</a> to arrange it for everybody" in text
    assert not re.search(r'<button name="change"(?![^>]* disabled)', text)


def test_programs_find_the_rows_of_every_card(site):
    change(site, "add", "query:energy_by_day", range="7d")
    change(site, "add", "channel:main/12/1/V_TEMP", range="7d")
    change(site, "add", "channel:main/99/1/V_TEMP")
    change(site, "add", "figure:rack@closet/input.voltage")
    shown = site.get("/dash/home.json").json()["cards"]
    assert shown[0]["rows"] == "/telemetry/house_now.json?_shape=array"
    assert (
        shown[-1]["rows"] == "/telemetry/ups_history.json?ups=rack@closet&figure=input_voltage&_shape=array"
    )
    assert shown[-2]["rows"] is None
    for card in shown:
        if card["rows"]:
            answer = site.get(card["rows"])
            assert answer.status_code == 200 and isinstance(answer.json(), list), card
