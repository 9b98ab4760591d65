"""/events.atom: valid Atom, permanent ids, absolute addresses, and the same filters as the events page."""

import re
import uuid
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree

import pytest
from datasette.utils import PrefixedUrlString

from ingest.config.model import Web
from ingest.db.connection import connect
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import ACCESS, BROWSER, READER, bearer
from tests.plugins.ups_house import UPSES, House

ATOM = "{http://www.w3.org/2005/Atom}"
OUTAGES = [(40, 640, UPSES), (30, 45, ("desk@closet",))]


@pytest.fixture
def house(make_site, tmp_path):
    def make(access=ACCESS, **options):
        path = tmp_path / "house.db"
        if not path.exists():
            new_database(path)
            House(path, days=2, step=600).write(outages=OUTAGES, open_outage=(120, ("rack@closet",)))
        return make_site(access=access, gateways=(), **options)

    return make


def read(site, path="/events.atom", **options):
    answer = site.get(path, **options)
    assert (
        answer.status_code == 200 and answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    )
    return ElementTree.fromstring(answer.content)


def texts(feed, name):
    return [entry.findtext(ATOM + name) for entry in feed.iter(f"{ATOM}entry")]


def test_it_has_the_required_elements_of_atom(house):
    site = house()
    feed = read(site)
    assert feed.tag == f"{ATOM}feed" and feed.findtext(f"{ATOM}title") == "Hill house: events"
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    for one in [feed, *feed.iter(f"{ATOM}entry")]:
        assert one.findtext(f"{ATOM}id") and one.findtext(f"{ATOM}title")
        assert datetime.fromisoformat(one.findtext(f"{ATOM}updated")).tzinfo
    assert (
        len(texts(feed, "id"))
        == site.rows("select count(*) from ups_events")[0][0]
        == len(set(texts(feed, "id")))
    )
    assert all(uuid.UUID(one) for one in texts(feed, "id"))
    addresses = [link.get("href") for link in feed.iter(f"{ATOM}link")]
    assert all(re.match(r"http://localhost/(events|ups/|outages/)", address) for address in addresses)
    assert (
        feed.find(f"{ATOM}link[@rel='self']").get("href")
        == feed.findtext(f"{ATOM}id")
        == "http://localhost/events.atom"
    )
    for address in set(addresses):
        assert site.get(address.removeprefix("http://localhost")).status_code == 200, address


def test_an_event_keeps_its_id_when_it_ends_and_is_updated(house):
    site = house()
    before = read(site)
    assert (
        texts(before, "title")[0] == "Rack (rack@closet): on battery"
        and "ongoing" in texts(before, "summary")[0]
    )
    connection = connect(site.datasette.config.database)
    connection.execute(
        "update events set ended_at = '2030-01-01T00:00:00.000Z' where ended_at is null and event = 'ONBATT'"
    )
    connection.close()
    after = read(site)
    assert texts(after, "id") == texts(before, "id")
    assert texts(after, "updated")[0] == "2030-01-01T00:00:00.000Z" == after.findtext(f"{ATOM}updated")
    assert "ongoing" not in texts(after, "summary")[0]


def test_the_page_links_to_it_with_its_filters(house):
    site = house()
    page = site.page("/events?tab=all&ups=desk@closet&event=ONBATT")
    link = re.search(r'<link rel="alternate" type="application/atom\+xml"[^>]*href="([^"]+)"', page)[
        1
    ].replace("&amp;", "&")
    assert link in page.partition("<main")[2].replace("&amp;", "&")
    feed = read(site, link)
    assert set(texts(feed, "title")) == {"Desk (desk@closet): on battery"} and len(texts(feed, "id")) == 2
    assert feed.findtext(f"{ATOM}title") == "Hill house: events (desk@closet, ONBATT)"
    assert texts(read(site, "/events.atom?ups=none"), "id") == []
    assert 'href="/events.atom"' in site.page("/events")


def test_its_addresses_and_ids_below_a_prefix(house):
    plain = texts(read(house()), "id")
    site = house(web=Web(base_url="/volt/"))
    feed = read(site, PrefixedUrlString("/volt/events.atom"))
    assert all(link.get("href").startswith("http://localhost/volt/") for link in feed.iter(f"{ATOM}link"))
    assert texts(feed, "id") == plain
    assert 'href="/volt/events.atom"' in site.page(PrefixedUrlString("/volt/events"))


def test_reading_the_feed_needs_the_right(house):
    site = house(access=replace(ACCESS, read="signed-in"))
    assert site.get("/events.atom").status_code == 401
    assert site.get("/events.atom", headers=BROWSER).headers["location"].startswith("/-/login")
    assert texts(read(site, headers=bearer(READER)), "id")


def test_device_values_are_escaped(house):
    site = house()
    connection = connect(site.datasette.config.database)
    connection.execute("update events set detail = ? where ended_at is null", ('<b>&\x01"',))
    connection.close()
    assert '<b>&"' in texts(read(site), "summary")[0]


def test_an_unchanged_feed_is_not_sent_again(house):
    site = house()
    connection = connect(site.datasette.config.database)
    connection.execute("update events set ended_at = started_at where ended_at is null")
    connection.close()
    mark = site.get("/events.atom").headers["etag"]
    assert site.get("/events.atom", headers={"if-none-match": mark}).status_code == 304
    assert site.get("/events.atom", headers={"if-none-match": '"else"'}).status_code == 200


def test_an_empty_site_has_an_empty_feed(make_site):
    feed = read(make_site(filled=False))
    assert feed.findtext(f"{ATOM}updated") and not texts(feed, "id")


def test_an_outage_of_all_upses_names_none_of_them(house):
    site = house()
    summaries = [text for text in texts(read(site), "summary") if "mains outage" in text]
    assert summaries and all("mains outage at all 3 UPSes" in text for text in summaries)
