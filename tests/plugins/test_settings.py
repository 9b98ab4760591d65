"""POST /-/settings."""

import re

import pytest

from ingest.db.connection import connect
from ingest.ups.registry import insert
from tests.plugins.site_helpers import BROWSER, READER, bearer

PATH = "/-/settings"
STORED = "select subject, key, value, set_by from settings order by subject, key"


def put(site, **fields):
    return site.post(PATH, json=fields, headers=bearer())


@pytest.mark.parametrize(
    ("fields", "subject"),
    [
        ({"subject": "nodes/268"}, "nodes/268"),
        ({"node": "268"}, "nodes/268"),
        ({"node": "shed/12"}, "nodes/268"),
        ({"sensor": "3073"}, "sensors/3073"),
        ({"sensor": "main/12/1"}, "sensors/3073"),
        ({"subject": "sensors/3073"}, "sensors/3073"),
    ],
)
def test_a_setting_is_made_and_taken_away(site, fields, subject):
    response = put(site, **fields, key="label", value="Tomatoes")
    assert response.status_code == 200, response.text
    assert response.json()["subject"] == subject and response.json()["value"] == "Tomatoes"
    assert site.rows(STORED) == [(subject, "label", "Tomatoes", "bot")]
    topics = dict(site.rows("select topic, seq from changes where topic in ('settings')"))
    assert topics == {"settings": 1}
    taken = put(site, **fields, key="label", value="")
    assert taken.json()["value"] is None and "not set any more" in taken.json()["message"]
    assert site.rows(STORED) == []
    assert site.rows("select actor, action, outcome from audit") == [("bot", "setting", "done")] * 2


def test_a_ups_is_set_by_its_name_and_by_its_id(site):
    connection = connect(site.datasette.config.database)
    for name in ("2", "rack@closet"):  # the key of the second is the name of the first
        insert(connection, name, "nut", "closet", name)
    connection.close()
    put(site, ups="2", key="label", value="Named")
    put(site, subject="ups/2", key="label", value="Numbered")
    assert site.rows(STORED) == [
        ("ups/1", "label", "Named", "bot"),
        ("ups/2", "label", "Numbered", "bot"),
    ]


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({}, 400, "one of subject, node, sensor and ups is needed"),
        ({"node": "12", "sensor": "3073", "key": "label", "value": "x"}, 400, "one of subject, node"),
        ({"node": "12", "value": "x"}, 400, "key is needed: label (nodes, sensors, ups)"),
        ({"node": "12", "key": "label"}, 400, "value is needed; an empty one takes"),
        ({"node": "12", "key": "Label ", "value": "x"}, 400, "did you mean 'label'?"),
        ({"subject": "node/12", "key": "label", "value": "x"}, 400, "did you mean 'nodes'?"),
        ({"subject": "nodes/77", "key": "label", "value": "x"}, 404, "No node 77"),
        ({"subject": "ups/77", "key": "label", "value": "x"}, 404, "No UPS 77"),
        ({"sensor": "main/12", "key": "label", "value": "x"}, 400, "GATEWAY/NODE_ID/CHILD_ID"),
        ({"sensor": "main/12/99", "key": "label", "value": "x"}, 404, "No sensor main/12/99"),
        ({"node": "12", "key": "password", "value": "x"}, 400, "'password' is not a setting"),
        ({"node": "12", "key": "silent_after_s", "value": "2 h"}, 400, "or never"),
        ({"node": "main/0", "key": "silent_after_s", "value": "600"}, 400, "it has no silent_after_s"),
        ({"subject": "nodes/0", "key": "sleep", "value": "sleeps"}, 400, "is the gateway itself"),
    ],
)
def test_what_cannot_be_set_is_refused_and_audited(site, fields, status, why):
    response = put(site, **fields)
    assert response.status_code == status and why in response.json()["errors"][0], response.text
    assert site.rows(STORED) == []
    assert site.rows("select action, substr(outcome, 1, 7) from audit") == [("setting", "refused")]


def test_setting_needs_the_right_to_edit(site):
    fields = {"node": "12", "key": "label", "value": "x"}
    assert site.post(PATH, json=fields).status_code == 401
    assert site.post(PATH, json=fields, headers=bearer(READER)).status_code == 403
    assert site.rows(STORED) == []


def test_a_browser_goes_back_to_the_page(site):
    site.login()
    fields = {
        "csrftoken": site.token(),
        "node": "12",
        "key": "sleep",
        "value": "sleeps",
        "next": "/nodes/main/12",
    }
    response = site.post(PATH, data=fields, headers=BROWSER)
    assert (response.status_code, response.headers["location"]) == (302, "/nodes/main/12")
    assert site.rows(STORED) == [("nodes/12", "sleep", "sleeps", "owner")]


@pytest.mark.parametrize(
    ("windows", "listens_ms", "said"),
    [
        (0, None, "by its messages it is awake"),
        (2, None, "by its messages it may sleep: it announced 2 of 3 windows"),
        (3, 75, "by its messages it sleeps, and listens for 75 ms when it wakes"),
    ],
)
def test_the_page_of_a_node_says_what_counts_where_its_sleep_is_not_set(site, windows, listens_ms, said):
    connection = connect(site.datasette.config.database)
    connection.execute(
        "update nodes set windows = ?, smart_sleep_ms = ? where id = 12", (windows, listens_ms)
    )
    connection.close()
    assert said in site.get("/nodes/main/12").text


def test_the_api_describes_it(site):
    calls = {call["path"]: call for call in site.get("/api.json").json()["calls"]}
    assert set(calls[PATH]["fields"]) == {"subject", "node", "sensor", "ups", "key", "value"}
    assert "silent_after_s (nodes)" in calls[PATH]["fields"]["key"]
    assert "-d key=label" in calls[PATH]["curl"]


@pytest.fixture
def garages(site):
    """Two nodes of two gateways with one label, and one location."""
    for node in ("main/12", "shed/12"):
        put(site, node=node, key="label", value="Garage")
        site.post("/telemetry/set_location", json={"node": node, "location": "Yard"}, headers=bearer())
    put(site, sensor="main/12/1", key="label", value="Beam")
    return site


def plain(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.mark.parametrize("path", ["/", "/nodes", "/radio", "/-/ota", "/-/batteries", "/reports"])
def test_two_nodes_of_one_label_are_told_apart_on_every_page(garages, path):
    text = plain(garages.page(path))
    for ref in ("main/12", "shed/12"):
        assert re.search(rf"Garage \(?{ref}\b", text), ref


def test_the_page_of_a_node_names_it_and_has_its_settings(garages):
    page = garages.page("/nodes/shed/12")
    assert "<title>Garage (shed/12)" in page and re.search(r"Garage ?:.*shed/12", plain(page), re.S)
    assert 'name="subject" value="nodes/268"' in page and "set here" in page and "by bot" in page
    page = garages.page("/nodes/main/12")
    assert "Beam" in plain(page).partition("Messages")[0] and 'name="subject" value="sensors/3073"' in page
    assert 'placeholder="Greenhouse 12"' in page and 'value="Yard"' in page


@pytest.mark.parametrize(
    ("query", "refs"),
    [
        ("q=garage", {"main/12", "shed/12"}),
        ("q=yard", {"main/12", "shed/12"}),
        ("q=greenhouse", {"main/12"}),
        ("q=shed/12", {"shed/12"}),
        ("label=Garage", {"main/12", "shed/12"}),
        ("location=Yard&gateway=main", {"main/12"}),
    ],
)
def test_nodes_are_found_by_label_location_sketch_and_number(garages, query, refs):
    page = garages.page(f"/nodes?{query}")
    assert set(re.findall(r'<span class="minor">(\w+/\d+)', page)) == refs


def test_json_messages_and_audit_name_the_node_that_is_meant(garages):
    rows = garages.get("/telemetry/node_overview.json?_shape=array&label=Garage").json()
    assert [(row["name"], row["ref"]) for row in rows] == [("Garage", "main/12"), ("Garage", "shed/12")]
    answer = garages.post("/telemetry/battery_changed", json={"node": 268}, headers=bearer())
    assert answer.json()["message"].startswith("Battery of Garage (shed/12) changed")
    assert garages.rows("select subject from audit order by id desc limit 1") == [("Garage (shed/12)",)]
    for query in ("stale_nodes", "battery_age", "message_statistics", "node_messages", "message_log"):
        rows = garages.get(f"/telemetry/{query}.json?_shape=array").json()
        assert all("ref" in row for row in rows), query
    metrics = garages.get("/metrics").text
    assert 'gateway="shed",node_id="12",name="Garage"' in metrics


def test_channels_of_one_name_are_lines_of_their_own(garages):
    for sensor in ("main/12/1", "shed/12/1"):
        put(garages, sensor=sensor, key="label", value="Air")
    rows = garages.get("/telemetry/channel_history.json?_shape=array&type=V_TEMP").json()
    assert {row["name"] for row in rows} == {
        "Garage · Air · V_TEMP (main/12/1)",
        "Garage · Air · V_TEMP (shed/12/1)",
    }


def test_a_deletion_lists_the_settings_that_go_along(garages):
    plan = garages.get("/-/delete?what=node&node=main/12").json()
    assert plan["subject"] == "Garage (main/12)"
    assert [row["rows"] for row in plan["rows"] if row["table"] == "settings"] == [2]
    plan = garages.get("/-/delete?what=sensor&sensor=main/12/1").json()
    assert [row["rows"] for row in plan["rows"] if row["table"] == "settings"] == [1]


def test_markup_in_a_label_is_text(site):
    put(site, node="main/12", key="label", value="<img src=x onerror=alert(1)>")
    for path in ("/", "/nodes", "/nodes/main/12", "/radio", "/-/maintenance"):
        assert "<img src=x" not in site.page(path), path


def test_the_page_of_a_ups_says_where_its_label_is_from(site):
    connection = connect(site.datasette.config.database)
    insert(connection, "rack@closet", "nut", "closet", "x/rack", "Smart-UPS")
    connection.close()
    assert "what its server calls it is shown" in site.page("/ups/rack@closet")
    put(site, ups="rack@closet", key="label", value="Rack")
    page = site.page("/ups/rack@closet")
    assert (
        "UPS / rack@closet" in plain(page)
        and "<strong><bdi>Rack</bdi>" in page
        and "set here" in page
        and "by bot" in page
    )
