"""The home page: its answer, its tiles against the samples, cards that fail, and what it leaves out."""

import html
import itertools
import re
import time

import pytest

from ingest.config.home import CARDS, DEFAULT_CARDS, Home, HomeCard
from ingest.config.model import GatewaySettings
from ingest.db.connection import connect
from ingest.db.time import format_utc
from plugins.web.pages.cards.built_in import compare_days
from plugins.web.pages.cards.card import ShownCard, fill_rows
from plugins.web.pages.cards.headline import headline
from plugins.web.pages.cards.registry import KINDS
from plugins.web.pages.cards.sensors import choose
from plugins.web.pages.home import group
from tests.plugins.conftest import site_maker
from tests.plugins.site_helpers import ACCESS, BROWSER
from tests.plugins.ups_house import UPSES, WATTS, House, rows

NOW = {"mains": "mains", "nodes": 2, "nodes_heard": 2}


def found(now, attention=(), outages=()):
    return {"now": now and [now], "attention": attention, "outages": list(outages), "upses": []}


@pytest.mark.parametrize(
    ("now", "attention", "text"),
    [
        (NOW, [], "The house runs on mains. All is well."),
        (NOW, [1], "The house runs on mains. One thing needs a look."),
        (NOW, [1] * 12, "The house runs on mains. Twelve things need a look."),
        (NOW, [1] * 13, "The house runs on mains. 13 things need a look."),
        (NOW | {"mains": "battery"}, [1, 2], "The house runs on battery. Two things need a look."),
        (NOW | {"mains": "partly"}, [1], "A part of the house runs on battery. One thing needs a look."),
        (NOW | {"mains": "unknown"}, [1], "No UPS answers. One thing needs a look."),
        (NOW | {"mains": None}, [], "All 2 nodes are heard. All is well."),
        (NOW | {"mains": None, "nodes_heard": 1}, [1], "1 of 2 nodes are heard. One thing needs a look."),
        (NOW | {"mains": None, "nodes_heard": 0}, [], "Waiting for the first message."),
        (NOW, None, "The house runs on mains. What needs a look took too long to find."),
        (None, [], "What the house runs on took too long to find."),
    ],
)
def test_the_page_begins_with_the_answer(now, attention, text):
    assert headline(found(now, attention)).text == text


@pytest.mark.parametrize(
    ("today", "before", "measured", "text"),
    [
        (0.94, 1.0, 100, "6\u202f% less than yesterday by 07:00"),
        (1.5, 1.0, 90, "50\u202f% more than yesterday by 07:00"),
        (1.001, 1.0, 100, "as much as yesterday by 07:00"),
        (1.0, 1.0, 89, None),  # a day that was not measured is not compared
        (1.0, None, 100, None),
        (None, 1.0, None, None),
        (1.0, 0, 100, None),
    ],
)
def test_days_are_compared_by_the_same_hour(today, before, measured, text):
    row = {
        "kwh_today_until": today,
        "kwh_yesterday_until": before,
        "measured_until": measured,
        "until_at": "07:00",
    }
    assert (compare_days(row) and compare_days(row).text) == text


@pytest.mark.parametrize(
    ("sizes", "columns"),
    [
        (["wide", "small"], [8, 4]),
        (["small", "half", "full"], [5, 7, 12]),
        (["wide", "half", "half"], [12, 6, 6]),
        (["half"], [6]),  # the last one stays as large as it was chosen
        (["small", "small", "small", "small", "small"], [4, 4, 4, 6, 6]),
        (["half", "folded", "folded", "small", "half"], [12, 12, 12, 5, 7]),
    ],
)
def test_no_row_of_cards_has_a_hole(sizes, columns):
    cards = [
        ShownCard(number, KINDS["nodes"], HomeCard("nodes"), size, "Nodes")
        for number, size in enumerate(sizes)
    ]
    fill_rows(cards)
    assert [card.columns for card in cards] == columns


def test_folded_cards_share_a_frame():
    sizes = ["full", "folded", "folded", "half", "folded"]
    cards = [ShownCard(n, KINDS["nodes"], HomeCard("nodes"), size, "") for n, size in enumerate(sizes)]
    assert [len(one.cards) for one in group(cards)] == [1, 2, 1, 1]


def test_the_registry_has_every_card_that_the_config_may_name():
    assert set(KINDS) == {*CARDS, "query", "channel", "figure"}
    assert all(card.card in KINDS for card in DEFAULT_CARDS)


def value(id, node, type="V_TEMP", unit="°C", age_s=60):
    return {"id": id, "node": node, "type": type, "unit": unit, "age_s": age_s, "sensor_type": None}


def test_the_card_of_sensors_shows_each_node_before_a_second_value():
    rows = [
        value(1, 2),
        value(2, 2, "V_HUM", "%"),
        value(3, 2),
        value(4, 7, "V_WATT", "W"),
        value(5, 8, age_s=90_000),
        value(6, 9, "V_TEXT", None),
        value(7, 9),
    ]
    assert [row["id"] for row in choose(rows)] == [1, 7, 4, 3, 2, 5]  # no texts; what is old comes last


@pytest.fixture(scope="module")
def at_home(tmp_path_factory):
    """The house that wrote the rows, and the site over them, which tests only read."""
    makers = site_maker(tmp_path_factory.mktemp("home"))
    site = next(makers)(access=ACCESS)
    house = House(site.datasette.config.database, days=2.5, step=120, timezone="UTC")
    house.write(outages=[(5, 300, UPSES), (9, 60, ("garage",))])
    yield house, site
    next(makers, None)


def energy(house, since, until):
    """kWh between two times, as the trapezoids of all pairs of samples."""
    total = 0.0
    for samples in house.samples.values():
        for (start, first, _), (end, last, _) in itertools.pairwise(samples):
            inside = min(end, until) - max(start, since)
            if inside > 0 and end - start <= 360:
                total += (first + last) / 2 * inside / 3.6e6
    return total


def test_the_tiles_are_the_row_of_house_now_and_that_is_what_was_measured(at_home):
    house, site = at_home
    [now] = rows(site, "house_now")
    assert (now["mains"], now["upses"], now["on_battery"], now["unknown"]) == ("mains", 3, 0, 0)
    latest = site.rows("select ups, watts, max(sampled_at) from ups_samples group by ups")
    assert now["watts"] == pytest.approx(sum(row[1] for row in latest))
    assert now["watts_at"] == min(row[2] for row in latest)
    midnight = house.now // 86_400 * 86_400
    assert now["kwh_today"] == pytest.approx(energy(house, midnight, house.now), rel=0.02, abs=0.01)
    assert now["kwh_yesterday"] == pytest.approx(energy(house, midnight - 86_400, midnight), rel=0.02)
    [(ended,)] = site.rows("select max(ended_at) from events where event = 'ONBATT'")
    assert now["since_at"] == ended
    text = html.unescape(re.sub(r"<[^>]+>", "", site.page("/")))
    for figure in (
        f"{round(now['watts']):,}W",
        f"{now['kwh_today']:.1f}kWh",
        f"of {now['kwh_yesterday']:.1f}\u202fkWh yesterday",
        f"{now['nodes_heard']}of {now['nodes']}",
    ):
        assert figure in text, figure


def test_the_tiles_name_the_shortest_runtime_and_the_weakest_battery(at_home):
    _, site = at_home
    [now] = rows(site, "house_now")
    shortest = site.rows(
        "select label, battery_runtime from ups_overview where battery_runtime is not null order by 2 limit 1"
    )
    assert [(now["runtime_label"], now["runtime_s"])] == [tuple(row) for row in shortest]
    assert (now["battery_level"], now["batteries"]) == (15, 1)
    text = site.page("/")
    assert '15<span class="unit">%</span>' in text and "Warning" in text


def test_house_power_is_the_mean_of_the_samples_of_each_bucket(at_home):
    _, site = at_home
    found = rows(site, "house_power")
    assert {row["label"] for row in found} == {"Rack", "Desk", "Garage"} and found[0]["bucket_s"] == 600
    assert len(found) <= 3 * 147
    row = found[len(found) // 2]
    [(mean, count)] = site.rows(
        """select avg(watts), count(*) from ups_samples where ups = ? and sampled_at >= ?
        and sampled_at < strftime('%Y-%m-%dT%H:%M:%fZ', ?, '+600 seconds')""",
        row["ups"],
        row["at"],
        row["at"],
    )
    assert (row["watts"], row["samples"]) == (round(mean, 1), count)
    assert abs(mean - WATTS[row["name"]]) < 60


def test_the_first_sample_is_drawn_at_once(power):
    _, site = power(days=0.1)
    nothing = "Nothing was measured in this time"
    for watts, is_empty in ((None, True), (100, False)):
        connection = connect(site.datasette.config.database)
        connection.execute("update ups_samples set watts = ?", (watts,))
        connection.close()
        assert (nothing in site.page("/")) is is_empty


def test_an_outage_is_one_row_of_all_upses(at_home):
    _, site = at_home
    text = site.page("/")
    card = text.partition("Outages</h2>")[2].partition("</details>")[0]
    assert ">all 3 UPSes</a>" in card and card.count("<tr>") == 3 and "2 in the last 7 days" in card
    assert "all 3 UPSes saw it" in text


def test_what_is_on_battery_says_since_when_and_for_how_long(power):
    _, site = power(days=0.3, open_outage=(200, UPSES))
    [now] = rows(site, "house_now")
    assert now["mains"] == "battery" and now["on_battery"] == 3
    text = html.unescape(re.sub(r"<[^>]+>", "", site.page("/")))
    assert "The house runs on battery." in text and "On battery 3 of 3" in text
    assert "The shortest runtime is" in text


def test_upses_that_do_not_answer_give_no_figures(power):
    _, site = power(days=0.3, lost=("closet", "garage"))
    [now] = rows(site, "house_now")
    assert (now["mains"], now["watts"], now["runtime_s"]) == ("unknown", None, None)
    text = site.page("/")
    assert "No UPS answers." in text and "no UPS measures watts now" in text


def test_nodes_alone_have_no_cards_of_upses(site):
    text = site.page("/")
    assert "2 nodes" in text or "nodes are heard" in text
    assert "House power" not in text and "Power flow" not in text and "Newest messages" in text


@pytest.fixture
def placed(tmp_path):
    """`placed(*cards)`: a site with these cards in its config."""
    makers = site_maker(tmp_path)
    make = next(makers)
    yield lambda *cards, **options: make(home=Home(tuple(cards)), access=ACCESS, **options)
    next(makers, None)


def test_the_config_says_which_cards_there_are(placed):
    site = placed(
        HomeCard("sources", size="half"),
        HomeCard(query="stale_nodes", title="Who is silent"),
        HomeCard(channel="main/12/1/V_TEMP", range="7d"),
    )
    text = site.page("/")
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", text)
    assert titles == ["Sources", "Who is silent", "Greenhouse 12 · Air"]
    assert "Waiting for" not in text and 'class="tiles"' not in text


def test_a_card_that_fails_says_so_and_costs_nothing_else(placed):
    site = placed(
        HomeCard(query="stale_node"),
        HomeCard(channel="main/12/1/V_TEMPE"),
        HomeCard(channel="main/99/1/V_TEMP"),
        HomeCard(ups="nope", figure="input.voltage"),
        HomeCard(query="channel_history", params={"range": "for ever"}),
        HomeCard("sources", size="full"),
    )
    text = html.unescape(site.page("/"))
    assert "There is no canned query 'stale_node': did you mean 'stale_nodes'?" in text
    assert "did you mean 'V_TEMP'?" in text and "the node has no such child" in text
    assert "There is no UPS 'nope'" in text and "'for ever' is not a duration" in text
    assert text.count('class="problem"') == 5 and "connected" in text


def test_a_query_that_takes_too_long_costs_only_its_card(placed):
    site = placed(HomeCard(query="endless"), HomeCard("sources", size="full"))
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) as i from n"
    queries = site.datasette._metadata_local["databases"]["telemetry"]["queries"]
    queries["endless"] = {"sql": endless, "title": "Endless"}
    site.datasette.sql_time_limit_ms = 4000
    text = site.page("/")
    assert "Endless" in text and "This took too long and was left out." in text and "connected" in text


def test_what_anonymous_readers_do_not_see_is_no_card_for_them(placed):
    site = placed(HomeCard(query="set_location"))
    assert "There is no canned query" in html.unescape(site.page("/"))


def test_a_wall_tablet_sees_no_navigation_and_no_form(site):
    text = site.page("/?kiosk=1")
    assert "<form" not in text and 'aria-label="Pages"' not in text and 'id="live"' in text
    assert 'aria-label="Pages"' in site.page("/") and "data-live" in text


def test_an_empty_house_says_how_to_begin(make_site):
    site = make_site(filled=False, gateways=())
    assert "voltkeeper check" in site.page("/") and 'id="cards"' not in site.page("/")


def test_a_house_of_which_nothing_was_heard_yet_has_its_sources(make_site):
    site = make_site(filled=False, gateways=(GatewaySettings("main", tcp="main:5003"),))
    connection = connect(site.datasette.config.database)
    connection.execute(
        """insert into ingest_status (source, kind, address, state, since_at, heartbeat_at)
        values ('main', 'mysensors', 'tcp x:5003', 'connected', ?, ?)""",
        (format_utc(time.time()),) * 2,
    )
    connection.execute("insert into gateways (id, name, address) values (0, 'main', 'x')")
    connection.close()
    text = site.page("/")
    assert "Waiting for the first message." in text and "1 of 1 answer" in text
    assert text.count('<p class="empty">There is no UPS: name one') == 2 and 'class="problem"' not in text


def test_a_chart_of_a_card_is_a_file_too(at_home):
    _, site = at_home
    address = re.search(r'href="([^"]+)" download>SVG', site.page("/"))[1]
    answer = site.get(html.unescape(address), headers=BROWSER)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("image/svg+xml")
