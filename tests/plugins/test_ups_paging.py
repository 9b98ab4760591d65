"""/ups with many UPSes: some at a time, searched, filtered and sorted; whole in JSON."""

import html
import re

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from plugins.web.pages.ups_choice import PER_PAGE, SORTS
from tests.plugins.site_helpers import links
from tests.plugins.ups_house import rows

MORE = 63  # beside the three of the house


@pytest.fixture
def many(power):
    """A site with 66 UPSes."""
    house, site = power(days=0.2, step=300)
    now = format_utc(house.now)
    connection = connect(site.datasette.config.database)
    connection.execute("begin")
    for number in range(MORE):
        id = 10 + number
        connection.execute(
            """insert into ups (id, name, driver, source, label, model, status, status_at, first_seen_at,
              last_sample_at, outcome) values (?, ?, 'nut', 'closet', ?, ?, ?, ?, ?, ?, 'ok')""",
            (
                id,
                f"u{number:02}@closet",
                f"U{number:02}",
                "Pulsar" if number % 10 == 0 else "Galaxy",
                "OL BYPASS" if number == 60 else "OL",
                *[now] * 3,
            ),
        )
        connection.execute(
            """insert into ups_samples (sampled_at, ups, ups_status, battery_charge, ups_load, input_voltage)
            values (?, ?, 'OL', ?, ?, 230)""",
            (now, id, 99 - number, number),
        )
        connection.execute(
            "insert into ups_variables (ups, variable, value, changed_at) values (?, 'ups.id', ?, ?)",
            (id, f"id {number}", now),
        )
    connection.execute("commit")
    connection.close()
    return site


def shown(text):
    """Names of the UPSes in the table, in order."""
    table = text[text.index('<table class="rows upses') : text.index("</table>")]
    return re.findall(r'<th scope="row"><a href="/ups/([^"]+)"', table)


def test_every_ups_is_on_one_page(many):
    found, address = [], "/ups"
    for number in (1, 2, 3):
        text = html.unescape(many.page(address))
        assert len(text) < 250_000 and f"Page {number} of 3" in text
        found += shown(text)
        pages = text[text.index('class="pages"') :].partition("</nav>")[0]
        following = re.search(r'rel="next" href="([^"]+)"', pages)
        assert ('rel="prev"' in pages) == (number > 1)
        address = following and following[1]
    assert address is None
    assert found == [row["name"] for row in rows(many, "ups_overview", _sort="id")] and len(found) == 66


def test_order_search_and_filter_are_kept_from_page_to_page(many):
    text = html.unescape(many.page("/ups?sort=charge&q=galaxy&range=7+d"))
    assert f"UPSes 1 to {PER_PAGE} of 56, least charge first" in text
    assert shown(text)[:2] == ["u62@closet", "u61@closet"]
    address = re.search(r'class="pages".*?rel="next" href="([^"]+)"', text, re.S)[1]
    assert {"sort=charge", "q=galaxy", "range=7+d", "page=2"} <= set(address.partition("?")[2].split("&"))
    text = html.unescape(many.page(address))
    assert f"UPSes {PER_PAGE + 1} to {2 * PER_PAGE} of 56" in text
    assert 'href="/ups?sort=charge&q=galaxy&page=2&range=24+h"' in text
    assert '<option value="charge" selected>' in text and 'value="galaxy"' in text


@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort])
def test_every_order_can_be_had(many, sort):
    assert len(shown(many.page(f"/ups?sort={sort}"))) == PER_PAGE


def test_the_worst_are_first_where_that_is_asked(many):
    assert shown(many.page("/ups?sort=state"))[0] == "u60@closet"
    assert shown(many.page("/ups?state=Warning")) == ["u60@closet"]
    assert shown(many.page("/ups?sort=load"))[0] == "u62@closet"


@pytest.mark.parametrize(
    ("page", "number"), [("0", 1), ("99", 3), ("-1", 1), ("x", 1), ("9" * 40, 1), ("²", 1)]
)
def test_a_page_that_does_not_exist_is_another_one(many, page, number):
    assert f"Page {number} of 3" in many.page(f"/ups?page={page}&sort=nothing")


def test_nothing_matches(many):
    assert "No UPS matches" in many.page("/ups?q=attic")


def test_only_what_is_shown_is_compared_and_drawn(many):
    text = many.page("/ups?page=3")
    assert "id 62" in text and "id 10" not in text and "of these UPSes" in text


def test_all_links_answer_and_json_is_whole(many):
    for link in links(many.page("/ups?page=2")):
        assert many.get(link).status_code == 200, link
    assert len(rows(many, "ups_overview")) == 66


def test_home_shows_the_worst_of_many(many):
    text = many.page("/")
    assert "All 66 UPSes" in text and "u60@closet" in text and len(text) < 200_000


def test_few_are_side_by_side_without_a_search(power):
    _, site = power(days=0.2)
    text = site.page("/ups").partition("<main")[2]
    assert "3 UPSes side by side" in text and 'name="q"' not in text and 'class="pages"' not in text
