"""POST /-/settings."""

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
