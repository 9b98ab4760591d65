"""Nodes that are retired: POST /-/nodes/retire, pages and queries without them."""

import pytest

from ingest.db.connection import connect
from tests.plugins.site_helpers import READER, bearer

PATH = "/-/nodes/retire"


def retire(site, **fields):
    return site.post(PATH, json=fields, headers=bearer())


def test_a_retired_node_needs_no_attention_and_its_history_stays(site):
    connection = connect(site.datasette.config.database)
    connection.execute("update nodes set last_seen_at = '2026-01-02T00:00:00.000Z' where id = 12")
    connection.close()
    assert site.rows("select state from node_overview where id = 12") == [("Stale",)]
    response = retire(site, node="12", retired="1")
    assert response.status_code == 200 and response.json()["retired"] is True
    [(at,)] = site.rows("select retired_at from nodes where id = 12")
    retire(site, node="main/12", retired="1")
    assert site.rows("select retired_at, state from node_overview where id = 12") == [(at, "Retired")]
    assert site.rows("select * from attention where href = '/nodes/main/12'") == []
    for query in ("stale_nodes", "battery_age", "batteries_to_replace", "silent_nodes"):
        for days in ("", "1"):
            rows = site.get(f"/telemetry/{query}.json?_shape=array&days={days}").json()
            assert "/nodes/main/12" not in [row["href"] for row in rows], query
    metrics = site.get("/metrics").text
    assert 'gateway="shed",node_id="12"' in metrics and 'gateway="shed",node="12"' in metrics
    assert 'gateway="main",node_id="12"' not in metrics and 'gateway="main",node="12"' not in metrics
    page = site.get("/nodes").text
    assert '/nodes/main/12"' not in page and "/nodes?retired=1" in page
    assert '/nodes/main/12"' in site.get("/nodes?retired=1").text
    assert "Take back into use" in site.get("/nodes/main/12").text
    assert retire(site, node="12", retired="0").json()["retired"] is False
    assert site.rows("select retired_at from nodes where id = 12") == [(None,)]
    assert site.rows("select action, outcome from audit") == [("retire_node", "done")] * 3


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({"node": "12"}, 400, "retired is needed: 1: out of use"),
        ({"node": "12", "retired": "yes"}, 400, "retired is 'yes'"),
        ({"node": "77", "retired": "1"}, 404, "No node 77"),
        ({"node": "0", "retired": "1"}, 400, "is the gateway itself"),
    ],
)
def test_what_cannot_be_retired(site, fields, status, why):
    response = retire(site, **fields)
    assert response.status_code == status and why in response.json()["errors"][0]


def test_retiring_needs_the_right_to_edit(site):
    assert site.post(PATH, json={"node": "12", "retired": "1"}, headers=bearer(READER)).status_code == 403
