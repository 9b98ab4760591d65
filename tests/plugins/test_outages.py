"""The page of a mains outage: its figures are those of SQL, and every row of an outage leads to it."""

import html
import re

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc
from reporting.formatting import format_length
from tests.plugins.site_helpers import BROWSER, links
from tests.plugins.ups_house import UPSES, rows

OUTAGES = [(50, 640, UPSES), (30, 45, ("desk@closet",)), (20, 3700, ("rack@closet",))]


@pytest.fixture
def site(power):
    _, site = power(days=3, step=120, outages=OUTAGES)
    return site


def text_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(page)).replace("\u202f", " ").split())


def test_figures_are_those_of_the_views(site):
    for outage in rows(site, "mains_outages"):
        text = text_of(site.page(f"/outages/{outage['id']}"))
        assert text.count(format_length(outage["seconds"])) >= 2
        assert f"{round(outage['wh'], 1):g} Wh" in text and f"{outage['lowest_charge']:g} %" in text
        for part in rows(site, "outages"):
            own = f"{round(part['wh'], 1):g} Wh"
            inside = outage["started_at"] <= part["started_at"] <= outage["ended_at"]
            assert not inside or own in text, part
    assert "1 h 01 min without mains" not in text_of(site.page("/outages/5"))


def test_each_part_leads_to_the_same_page(site):
    (whole,) = [row for row in rows(site, "mains_outages") if row["upses"] == 3]
    pages = {
        text_of(site.page(f"/outages/{row['id']}")).partition("What happened")[0]
        for row in rows(site, "outages")
        if row["started_at"] == whole["started_at"]
    }
    assert len(pages) == 1 and "all 3 UPSes : the mains failed" in pages.pop()


def test_predicted_and_real_runtime_stand_beside_each_other(site):
    (rack,) = rows(site, "outages_report", ups="rack@closet", range="25 h")
    text = text_of(site.page("/outages/5"))
    pace = rack["seconds"] * rack["charge_start"] / (rack["charge_start"] - rack["lowest_charge"])
    assert f"{format_length(rack['predicted_runtime_s'])} at the start" in text
    assert (
        f"{format_length(pace)} {round(100 * pace / rack['predicted_runtime_s'], 1):g} % of the predicted"
        in text
    )
    assert "4 samples, 5 are needed" in text_of(site.page("/outages/4"))


def test_minutes_are_averages_of_the_samples(site):
    found = rows(site, "outage_minutes", outage="5")
    assert {row["name"] for row in found} == {"rack@closet"} and {row["bucket_s"] for row in found} == {60}
    row = next(row for row in found if row["in_outage"])
    connection = connect(site.datasette.config.database, readonly=True)
    ((charge, volts, count),) = connection.execute(
        """select round(avg(battery_charge), 1), round(avg(input_voltage), 1), count(*) from ups_samples
        where ups = ? and sampled_at >= ? and sampled_at < ?""",
        (row["ups"], row["at"], format_utc(parse_utc(row["at"]) + 60)),
    )
    connection.close()
    assert (row["battery_charge"], row["input_voltage"], row["samples"]) == (charge, volts, count)
    assert {row["bucket_s"] for row in rows(site, "outage_minutes", outage="1")} == {10}
    assert rows(site, "outage_minutes")[0]["outage"] == 5, "without an outage it is the last one"
    assert rows(site, "outage_minutes", outage="99") == []


def test_the_page_draws_them_and_says_when_there_are_none(site):
    page = site.page("/outages/5")
    assert all(f"<bdi>{title}</bdi>" in page for title in ("Battery charge", "Load", "Mains voltage"))
    assert "voltkeeper replay 5 --serve 3493 --speed 10" in page and "voltkeeper replay 5 --to DIR" in page
    connection = connect(site.datasette.config.database)
    connection.execute("delete from ups_samples")
    connection.close()
    page = site.page("/outages/5")
    assert "No sample of that time is kept any more" in page and "<figure" not in page
    assert "voltkeeper replay" not in page, "hourly figures are not enough for it"


def test_what_happened_is_told_in_order(site):
    story = text_of(site.page("/outages/5")).partition("What happened")[2]
    assert re.search(r"on battery.* battery low.* back on mains.* over: battery low", story), story
    assert "all 3 UPSes" in text_of(site.page("/outages/1")).partition("What happened")[2]


def test_neighbours_lead_through_all_outages(site):
    seen, address = [], "/outages/1"
    while address:
        seen.append(address)
        following = re.search(r'rel="next" href="([^"]+)"', site.page(address))
        address = following and following[1]
    inorder = sorted(rows(site, "mains_outages"), key=lambda row: row["started_at"])
    assert seen == [f"/outages/{row['id']}" for row in inorder]
    assert 'rel="prev"' not in site.page(seen[0]) and 'rel="prev"' in site.page(seen[-1])


def test_every_row_of_an_outage_leads_to_its_page(site):
    for path in ("/events", "/events?tab=all", "/ups", "/ups/rack@closet"):
        found = {link for link in links(site.page(path)) if link.startswith("/outages/")}
        assert found, path
        for link in found:
            assert site.get(link, headers=BROWSER).status_code == 200, (path, link)


@pytest.mark.parametrize("id", ["99", "0", "x", "-1", "1.5", "9" * 40, "²", "%3Cscript%3E"])
def test_an_outage_that_is_not_there_is_not_found(site, id):
    text = html.unescape(site.page(f"/outages/{id}", 404))
    assert "No outage" in text and "<script>" not in text.replace("<script src", "")


def test_an_outage_that_goes_on(power):
    _, site = power(days=0.2, step=120, open_outage=(600, ("rack@closet", "garage")))
    (outage,) = rows(site, "mains_outages")
    text = text_of(site.page(f"/outages/{outage['id']}"))
    assert "No mains for 10 min" in text.replace("\u00a0", " ") and "Ongoing" in text and "until now" in text
    assert (
        "voltkeeper replay" not in text
        and "it goes on" in text
        and 'rel="next"' not in site.page(f"/outages/{outage['id']}")
    )


def test_an_outage_is_told_once_on_the_page_of_its_ups(site):
    page = site.page("/ups/rack@closet")
    assert page.count('id="outage-5"') == 1 and "/telemetry/events/5" not in page
    inside = page[page.index('id="outage-5"') :].partition("</details>")[0]
    assert "battery low" in inside and "At the start it predicted 1 h" in inside
    assert "LOWBATT" not in page, "it is told in the outage"
