"""The page /search and /search.json: what they list, for whom, and what they refuse."""

import pytest

from tests.plugins.site_helpers import ACCESS, READER, bearer


@pytest.fixture(scope="module")
def site(module_site):
    return module_site(access=ACCESS)


def results(site, query, **options):
    answer = site.get(f"/search.json?{query}", **options).json()
    return {group["in"]: [one["href"] for one in group["results"]] for group in answer["groups"]}


def test_programs_get_all_groups_or_one(site):
    found = results(site, "q=green+AIR")
    assert found == {"values": ["/nodes/main/12/1/V_TEMP"]}
    found = results(site, "q=battery")
    assert "/telemetry/battery_age" in found["queries"] and "/telemetry/battery_levels" in found["tables"]
    assert list(results(site, "q=battery&in=tables")) == ["tables"]
    assert results(site, "q=topology")["pages"] == ["/radio"]


def test_a_page_lists_them_with_links(site):
    page = site.page("/search?q=greenhouse")
    assert 'href="/nodes/main/12"' in page and 'href="#found-nodes"' in page
    page = site.page("/search?q=%3Cscript")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 7" in page and "<script>alert" not in page
    assert "Nothing here has this word" in site.page("/search?q=zzz")
    assert "Words may stand in any order" in site.page("/search?q=+")
    page = site.page("/search?q=a&in=tables")
    assert 'id="found-tables"' in page and 'id="found-nodes"' not in page
    assert 'class="find"' in site.page("/") and 'class="find"' not in page  # it has a field of its own


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "q is needed"),
        ("q=%20%22", "q is needed"),
        (f"q={'x' * 201}", "201 characters: 200 are taken"),
        (f"q={'+'.join('abcdefghijk')}", "11 words: 10 are taken"),
        ("q=x&in=y", "in is 'y': needed is one of nodes"),
    ],
)
def test_what_is_refused(site, query, text):
    answer = site.get(f"/search.json?{query}")
    assert answer.status_code == 400 and text in answer.json()["errors"][0]
    if len(query) > 20:
        assert text in site.page(f"/search?{query}", 400)


def test_tables_that_a_visitor_may_not_see_are_not_listed(site):
    assert "/telemetry/audit" not in results(site, "q=audit").get("tables", [])
    assert "/telemetry/audit" in results(site, "q=audit", headers=bearer(READER))["tables"]
    assert "/telemetry/sessions" not in results(site, "q=sessions", headers=bearer(READER)).get("tables", [])
