"""Queries that users save: what is taken, where they are served, and that they read what their reader may."""

import re

import pytest

from ingest.config.model import Access
from plugins.web.actions import saved_queries as actions
from reporting.saved_queries import LONGEST_SQL
from tests.plugins.site_helpers import ACCESS, BROWSER, READER, bearer

COLD = "select name, value from value_latest where value < :limit order by value;"
ROWS = "/telemetry/cold_nights.json?_shape=array&limit=10"


def save(site, status=201, headers=None, **fields):
    fields = {"title": "Cold nights", "sql": COLD, **fields}
    answer = site.post("/-/saved-queries", json=fields, headers=headers or bearer())
    assert answer.status_code == status, answer.text
    return answer.json()


def change(site, status=200, name="cold_nights", what="", **fields):
    answer = site.post(f"/-/saved-queries/{name}{what}", json=fields, headers=bearer())
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def refusing(module_site):
    """A site to which the tests send what it refuses."""
    return module_site(access=ACCESS)


def test_a_query_is_served_like_a_canned_one_until_it_is_deleted(site):
    assert site.get(ROWS).status_code == 404
    answer = save(site, description="What froze. And more.")
    assert answer["href"] == "/telemetry/cold_nights" and answer["params"] == ["limit"]
    assert [row["value"] for row in site.get(ROWS).json()] == [3.5]
    assert site.get("/telemetry/cold_nights.csv?limit=10").text.startswith("name,value\r\n")
    page = site.page("/telemetry/cold_nights?limit=10")
    assert "<h1>Cold nights</h1>" in page and 'name="limit" value="10"' in page and "changed" in page
    assert "change-query" not in page  # for those who may edit
    data = site.page("/telemetry")
    assert 'href="/telemetry/cold_nights"' in data and 'id="saved"' in data
    assert "/telemetry/cold_nights.json" in site.get("/openapi.json").json()["paths"]
    assert "cold_nights" not in site.get("/-/metadata.json").text

    change(site, title="Cold mornings", description="")
    change(site, sql="select 1 as one where :limit = '10'")
    assert site.get(ROWS).json() == [{"one": 1}]
    assert "<h1>Cold mornings</h1>" in site.page("/telemetry/cold_nights")
    assert site.rows("select title, description, created_by, updated_by from saved_queries") == [
        ("Cold mornings", "", "bot", "bot")
    ]
    change(site, what="/delete")
    assert site.get(ROWS).status_code == 404 and "cold_nights" not in site.page("/telemetry")
    done = site.rows("select actor, action, subject from audit where outcome = 'done' order by id")
    assert done == [
        ("bot", action, "cold_nights")
        for action in ("save query", "change query", "change query", "delete query")
    ]
    change(site, 404, title="x")
    change(site, 404, what="/delete")


@pytest.mark.parametrize(
    ("fields", "status", "field", "text"),
    [
        ({"sql": ""}, 400, "sql", "sql is needed"),
        ({"title": ""}, 400, "title", "title is needed"),
        ({"title": "***"}, 400, "name", "name is needed"),
        ({"name": "Zürich"}, 400, "name", "name is 'zürich': needed are 1 to 40 small letters"),
        ({"name": "stale_nodes"}, 409, "name", "that of a query of Voltkeeper"),
        ({"name": "nodes"}, 409, "name", "that of a table"),
        ({"name": "node_overview"}, 409, "name", "that of a view"),
        ({"title": "x" * 101}, 400, "title", "title has 101 characters: 100 are taken"),
        ({"sql": f"select '{'x' * LONGEST_SQL}'"}, 400, "sql", f"{LONGEST_SQL} are taken"),
        ({"sql": "delete from nodes"}, 400, "sql", "has to begin with select or with"),
        ({"sql": "with x as (select 1) delete from nodes"}, 400, "sql", "cannot be run"),
        ({"sql": "select 1; select 2"}, 400, "sql", "sql cannot be run"),
        ({"sql": "select nam from nodes"}, 400, "sql", "sql cannot be run: no such column: nam"),
        ({"sql": "select data from firmware_images"}, 400, "sql", "a table that is not shown"),
        ({"sql": "select :_cookie_ds_actor"}, 400, "sql", "a name begins with a letter"),
        ({"sql": "select ?1, 'a ?'"}, 400, "sql", "sql has the parameter ?1"),
    ],
)
def test_what_is_refused(refusing, fields, status, field, text):
    answer = refusing.post(
        "/-/saved-queries", json={"title": "Cold nights", "sql": COLD, **fields}, headers=bearer()
    )
    assert answer.status_code == status, answer.text
    assert text in " ".join(answer.json()["errors"]) and answer.json()["field"] in (field, "")
    assert refusing.rows("select count(*) from saved_queries") == [(0,)]


def test_a_name_is_taken_once_and_the_number_is_bounded(site, monkeypatch):
    save(site)
    assert "another saved query" in save(site, 409)["errors"][0]
    monkeypatch.setattr(actions, "MOST", 1)
    assert "There are 1 saved queries" in save(site, 409, name="other")["errors"][0]


def test_it_reads_what_its_reader_may(site):
    save(site, name="who", sql="select actor from audit")
    save(site, name="pattern", sql="select 'a' like :pattern as is_like")
    known, unknown = (site.get("/telemetry/who.json", headers=one) for one in (bearer(READER), {}))
    assert known.status_code == 200 and known.json()["rows"] == [["bot"], ["bot"]]
    assert unknown.status_code == 401 and "bot" not in unknown.text
    assert site.get("/telemetry/pattern.json?pattern=A").json()["rows"] == [[1]]
    refused = site.get(f"/telemetry/pattern.json?pattern={'%25' * 600}")  # the limits of SQL hold
    assert refused.status_code == 400 and "pattern too complex" in refused.text


def test_a_user_needs_the_right_to_edit_and_own_sql(make_site):
    site = make_site(access=ACCESS)
    save(site, 403, bearer(READER))
    assert site.post("/-/saved-queries", json={}).status_code == 401
    save(site)
    off = make_site(access=Access(people=ACCESS.people, tokens=ACCESS.tokens, sql="off"))
    assert "SQL of your own is off" in save(off, 403)["errors"][0]
    change(off, 403, sql="select 1")
    assert off.get(ROWS).status_code == 200  # what was saved before is open like other queries


def test_forms_without_javascript(site):
    site.login()
    page = site.page("/telemetry?sql=select+name%2C+value+from+value_latest")
    assert 'id="save-query"' in page
    token = re.search(r'name="csrftoken" value="([^"]+)"', page)[1]
    fields = {"csrftoken": token, "title": "All values", "name": "", "sql": "select 1\nas x"}
    done = site.post("/-/saved-queries", data=fields, headers=BROWSER)
    assert done.status_code == 302 and done.headers["location"] == "/telemetry/all_values"
    page = site.page("/telemetry/all_values")
    assert 'action="/-/saved-queries/all_values/delete"' in page and "select 1\nas x</textarea>" in page
    wrong = site.post("/-/saved-queries/all_values", data={**fields, "sql": "select\nx"}, headers=BROWSER)
    assert wrong.status_code == 400 and re.search(
        r'name="sql"[^>]* aria-invalid[^>]*>select\nx</textarea>', wrong.text
    )
    asked = site.post("/-/saved-queries/all_values/delete", data={"csrftoken": token}, headers=BROWSER)
    assert "Delete this saved query?" in asked.text
    forged = site.post("/-/saved-queries", data={**fields, "csrftoken": "x"}, headers=BROWSER)
    assert forged.status_code == 403


def test_a_card_of_the_home_page_shows_one(site):
    save(
        site,
        sql="select name, '//elsewhere.example/' as href, 'no' as last_at, 'x' as state from nodes",
    )
    save(site, name="who", sql="select actor from audit")
    save(
        site,
        name="numbers",
        sql="select 1 as name, 2 as href, 1e99 as last_at, x'00' as state, 9e999 as wait_s, -1 as age_s",
    )
    for name in ("cold_nights", "who", "numbers"):
        answer = site.post(
            "/-/dashboards/home/cards", json={"change": "add", "card": f"query:{name}"}, headers=bearer()
        )
        assert answer.status_code == 200
    page = site.page("/")
    assert "Cold nights" in page and "elsewhere" not in page and "Sign in to see this" in page
    change(site, what="/delete")
    assert "There is no canned query" in site.page("/")
