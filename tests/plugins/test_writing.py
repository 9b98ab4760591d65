"""Writing: rights, refusals and their messages, the audit log."""

import html
import time
from datetime import UTC, datetime, timedelta

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.plugins.site_helpers import ACCESS, BOT, BROWSER, READER, bearer

ROUTES = ["/telemetry/set_location", "/telemetry/battery_changed", "/-/orders"]


def audit(site):
    return site.rows("select actor, action, outcome from audit where action <> 'sign-in' order by id")


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_is_writable_until_configured(make_site, route):
    site = make_site()
    response = site.post(route, json={"node": 12, "location": "x", "order": "reboot"})
    assert response.status_code == 403
    assert response.json()["ok"] is False and "access:" in response.json()["errors"][0]
    assert "access:" in site.page("/nodes/main/12") and "disabled" in site.page("/nodes/main/12")
    assert audit(site) == []


@pytest.mark.parametrize("route", ROUTES)
def test_writing_needs_the_right(site, route):
    body = {"node": 12, "location": "x", "order": "reboot"}
    assert site.post(route, json=body).status_code == 401
    assert site.post(route, json=body, headers=bearer(READER)).status_code == 403
    assert site.post(route, json=body, headers=bearer("wrong-token-0123456789")).status_code == 401
    assert site.rows("select count(*) from outbox") == [(0,)]
    assert [row[0] for row in audit(site)] == ["reader"]
    assert audit(site)[0][2].startswith("refused: ")
    site.login("guest")
    data = {"csrftoken": site.token(), "node": "12", "location": "x", "order": "reboot"}
    assert site.post(route, data=data).status_code == 403


@pytest.mark.parametrize("kind", ["json", "urlencoded", "multipart"])
def test_set_location_takes_every_kind_of_form(site, kind):
    fields = {"node": "12", "location": "  Tomato   bed "}
    options = {
        "json": {"json": fields},
        "urlencoded": {"data": fields},
        "multipart": {"files": {k: (None, v) for k, v in fields.items()}},
    }
    response = site.post("/telemetry/set_location", headers=bearer(), **options[kind])
    assert response.status_code == 200 and response.json()["ok"] is True, response.text
    assert site.rows("select location, name from nodes where id = 12") == [("Tomato bed", "Greenhouse 12")]
    assert audit(site) == [("bot", "set_location", "done")]


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
def test_a_browser_writes_with_its_token_and_goes_back(site, kind):
    site.login()
    fields = {"csrftoken": site.token(), "node": "12", "location": "Bed", "next": "/nodes/main/12"}
    options = (
        {"data": fields} if kind == "urlencoded" else {"files": {k: (None, v) for k, v in fields.items()}}
    )
    response = site.post("/telemetry/set_location", headers=BROWSER, **options)
    assert (response.status_code, response.headers["location"]) == (302, "/nodes/main/12")
    site.cookies["ds_messages"] = response.cookies["ds_messages"]
    assert "is in: Bed" in site.page("/nodes/main/12")
    assert audit(site) == [("owner", "set_location", "done")]


def test_a_form_does_not_send_a_browser_to_another_site(site):
    site.login()
    for wanted in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        fields = {"csrftoken": site.token(), "node": "12", "location": "Bed", "next": wanted}
        response = site.post("/telemetry/set_location", data=fields, headers=BROWSER)
        assert response.headers["location"] == "/nodes", wanted


@pytest.mark.parametrize("route", [*ROUTES, "/-/logout"])
@pytest.mark.parametrize("forged", [None, "", "wrong", "é"])
def test_a_forged_form_is_refused(site, route, forged):
    site.login()
    site.token()
    fields = {"node": "12", "location": "x", "order": "reboot"} | (
        {} if forged is None else {"csrftoken": forged}
    )
    for options in ({"data": fields}, {"json": fields}, {"files": {k: (None, v) for k, v in fields.items()}}):
        response = site.post(route, **options)
        assert response.status_code == 403, response.text
        assert "csrftoken" in response.json()["errors"][0]
    response = site.post(
        route, data={**fields, "csrftoken": site.token()}, headers={"sec-fetch-site": "cross-site"}
    )
    assert response.status_code == 403
    assert site.rows("select location from nodes where id = 12") == [("",)]
    assert site.rows("select count(*) from outbox") == [(0,)]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"location": "x"}, 400, "node is needed"),
        ({"node": "", "location": "x"}, 400, "node is needed"),
        ({"node": "99", "location": "x"}, 404, "No node 99"),
        ({"node": "1e3", "location": "x"}, 400, "node is needed"),
        ({"node": "9" * 40, "location": "x"}, 400, "node is needed"),
        ({"node": "12"}, 400, "location is needed"),
        ({"node": "12", "location": "x" * 61}, 400, "60 characters"),
        ({"node": "12", "location": ["x"]}, 400, "location is not a text"),
    ],
)
def test_set_location_refuses_with_a_message(site, fields, status, words):
    response = site.post("/telemetry/set_location", json=fields, headers=bearer())
    assert response.status_code == status and words in response.json()["errors"][0], response.text
    assert audit(site)[-1][2].startswith("refused: ")


def test_a_browser_reads_why_it_was_refused(site):
    site.login()
    fields = {"csrftoken": site.token(), "node": "99", "location": "x"}
    response = site.post("/telemetry/set_location", data=fields, headers=BROWSER)
    assert (
        response.status_code == 404
        and "No node 99" in response.text
        and ">Could not save</h1>" in response.text
    )


def test_nodes_are_also_named_by_gateway_and_number(site):
    assert site.post(
        "/telemetry/set_location", json={"node": "shed/12", "location": "Tools"}, headers=bearer()
    ).is_success
    assert site.rows("select id, location from nodes where location <> ''") == [(268, "Tools")]


def test_battery_changed_today_and_on_a_date(site):
    assert site.post("/telemetry/battery_changed", json={"node": 12}, headers=bearer()).is_success
    assert site.post(
        "/telemetry/battery_changed", json={"node": 12, "date": "2026-03-01"}, headers=bearer()
    ).is_success
    rows = site.rows("select substr(changed_at, 1, 10), recorded_by from battery_changes order by id")
    today = datetime.now(UTC).date().isoformat()
    assert rows == [(today, "bot"), ("2026-03-01", "bot")]
    assert site.rows("select substr(battery_changed_at, 1, 10) from nodes where id = 12") == [(today,)]


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ((datetime.now(UTC) + timedelta(days=2)).date().isoformat(), "future"),
        ("2026-02-30", "no such day"),
        ("20260301", "a date such as"),
        ("yesterday", "a date such as"),
        ("1970-01-01", "before 2000"),
    ],
)
def test_battery_changed_refuses_invalid_dates(site, date, words):
    response = site.post("/telemetry/battery_changed", json={"node": 12, "date": date}, headers=bearer())
    assert response.status_code == 400 and words in response.json()["errors"][0]
    assert site.rows("select count(*) from battery_changes") == [(0,)]


def test_a_day_begins_at_local_midnight(make_site):
    site = make_site(access=ACCESS, timezone="Europe/Rome")
    site.post("/telemetry/battery_changed", json={"node": 12, "date": "2026-07-01"}, headers=bearer())
    assert site.rows("select changed_at from battery_changes") == [("2026-06-30T22:00:00.000Z",)]


def test_orders_become_rows(site):
    response = site.post("/-/orders", data={"node": "12", "order": "reboot"}, headers=bearer())
    assert response.status_code == 201 and response.json()["ok"] is True
    line = site.post(
        "/-/orders", files={"node": (None, "12"), "line": (None, "12;1;1;0;2;1")}, headers=bearer()
    )
    assert response.json()["ids"] + line.json()["ids"] == [1, 2]
    rows = site.rows('select node, "order", line, state, created_by from outbox order by id')
    assert rows == [(12, "reboot", None, "queued", "bot"), (12, None, "12;1;1;0;2;1", "queued", "bot")]
    assert site.get("/telemetry/outbox.json?_shape=array").json()[0]["created_by"] == "bot"


def test_all_nodes_are_requested_one_by_one(site):
    ids = site.post("/-/orders", json={"all": True}, headers=bearer()).json()["ids"]
    assert len(ids) == 5
    assert site.rows('select distinct "order" from outbox') == [("presentation",)]
    assert site.rows("select count(distinct node) from outbox") == [(5,)]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, 400, "node is needed"),
        ({"node": "12"}, 400, "either order or line"),
        ({"node": "12", "order": "reboot", "line": "12;1;1;0;2;1"}, 400, "either order or line"),
        ({"node": "12", "order": "explode"}, 400, "known are presentation"),
        ({"node": "99", "order": "reboot"}, 404, "No node 99"),
        ({"node": "12", "line": "13;1;1;0;2;1"}, 400, "node 13"),
        ({"node": "12", "line": "12;1;1;0;2"}, 400, "6 are needed"),
        ({"node": "12", "line": "12;1;1;0;2;" + "x" * 26}, 400, "25"),
        ({"node": "12", "line": "12;1;1;0;2;1\n0;0;0;0;0;0"}, 400, "control character"),
        ({"node": "12", "line": "255;1;1;0;2;1"}, 400, "broadcast"),
        ({"node": "12", "line": "12;1;1;1;47;"}, 400, "an empty V_TEXT reaches the node as '0'"),
        ({"node": "12", "line": "12;1;1;1;47;;a"}, 400, "first ';'"),
        ({"all": "1", "order": "reboot"}, 400, "goes with nothing else"),
    ],
)
def test_invalid_orders_are_refused_with_a_message(site, fields, status, words):
    response = site.post("/-/orders", json=fields, headers=bearer())
    assert response.status_code == status and words in response.json()["errors"][0], response.text
    assert site.rows("select count(*) from outbox") == [(0,)]
    assert audit(site)[-1][:2] == ("bot", "order")


def test_unreadable_bodies_are_refused(site):
    cases = [
        ({"content": b"x" * 70_000, "headers": {"content-type": "application/json"}}, 413),
        ({"content": b"[1]", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"[" * 60_000, "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"a=b", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"abc", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"abc", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
    ]
    for options, status in cases:
        options["headers"] |= bearer(BOT)
        response = site.post("/-/orders", **options)
        assert response.status_code == status, (options["content"][:20], response.status_code, response.text)
        assert response.json()["ok"] is False


def test_get_of_a_post_route_and_post_of_a_page(site):
    assert site.get("/-/orders").status_code == 405
    assert site.post("/nodes", headers=bearer()).status_code == 405
    assert site.post("/telemetry/nodes", headers=bearer()).json()["ok"] is False


def test_forms_of_writable_queries_need_the_right(site):
    assert "Sign in first" in site.page("/telemetry/set_location", 403)
    assert "set_location" not in site.page("/telemetry")
    site.login()
    assert 'name="location"' in site.page("/telemetry/set_location")
    assert html.unescape(site.page("/telemetry")).count("Set the location of a node") == 1


def test_a_battery_change_is_taken_back(site):
    for day in ("2026-01-05", "2026-02-03"):
        assert site.post(
            "/telemetry/battery_changed", json={"node": "12", "date": day}, headers=bearer()
        ).is_success
    rows = "select id, changed_at from battery_changes order by id"
    (first, _), (second, changed_at) = site.rows(rows)
    changed = "select battery_changed_at from nodes where id = 12"
    assert site.rows(changed) == [(changed_at,)]
    page = site.login().page("/nodes/main/12")
    assert f'action="/-/batteries/node/{second}/revoke"' in page and "entered by" in page
    answer = site.post(f"/-/batteries/node/{second}/revoke", headers=bearer())
    assert answer.status_code == 200 and "2026-02-03 is taken back" in answer.json()["message"]
    assert site.rows(changed) == [("2026-01-05T00:00:00.000Z",)]
    assert site.post(f"/-/batteries/node/{second}/revoke", headers=bearer()).status_code == 404
    assert site.post(f"/-/batteries/ups/{first}/revoke", headers=bearer()).status_code == 404
    assert site.post(f"/-/batteries/node/{first}/revoke", headers=bearer()).is_success
    assert site.rows(changed) == [(None,)] and site.rows(rows) == []


def test_an_order_to_a_sleeper_says_when_it_will_be_sent(site):
    def order():
        return site.post("/-/orders", json={"node": "12", "order": "heartbeat"}, headers=bearer()).json()[
            "message"
        ]

    assert "sleep" not in order()
    connection = connect(site.datasette.config.database)
    seen = time.time() - 100
    connection.execute(
        "update nodes set smart_sleep_ms = 500, usual_interval_s = 900, last_seen_at = ? where id = 12",
        (format_utc(seen),),
    )
    assert f"will be sent about {format_utc(seen + 900)[11:16]}, when the node wakes" in order()
    connection.execute("update nodes set usual_interval_s = null where id = 12")
    assert order().endswith("the node sleeps; when it listens next is not known yet")
    connection.close()
    site.post("/-/settings", json={"node": "12", "key": "sleep", "value": "awake"}, headers=bearer())
    assert "sleep" not in order()
