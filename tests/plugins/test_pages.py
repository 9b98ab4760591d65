"""Every page answers with correct values, and every link on it answers."""

import html

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.demo.progress import ANCHOR
from tests.plugins.site_helpers import ACCESS, BROWSER, bearer, links

PAGES = ["/", "/nodes", "/nodes/main/12", "/nodes/shed/12", "/nodes/main/0", "/nodes/main/7", "/telemetry"]
QUERIES = [
    "stale_nodes",
    "battery_age",
    "battery_forecast",
    "battery_shopping_list",
    "strange_messages",
    "message_statistics",
    "node_messages",
    "channel_history",
]


@pytest.fixture(scope="module")
def shared(module_site):
    """A site for tests that only read."""
    return module_site(access=ACCESS)


@pytest.fixture(scope="module")
def answered():
    """The links that have answered: most stand on several pages."""
    return set()


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_answers(shared, answered, path):
    for link in links(shared.page(path)):
        if link in answered:
            continue
        answered.add(link)
        response = shared.get(link, follow_redirects=True)
        assert response.status_code == 200, (path, link, response.text[:300])


def test_every_link_of_an_empty_site_answers(make_site):
    site = make_site(filled=False)
    assert "Nothing has been read yet" in site.page("/") and "voltkeeper check" in site.page("/")
    assert "Waiting for the first presentation" in site.page("/nodes")
    for path in ("/", "/nodes"):
        for link in links(site.page(path)):
            assert site.get(link).status_code == 200, link


@pytest.mark.parametrize("name", QUERIES)
def test_queries_answer_as_page_json_and_csv(shared, name):
    assert "<h1>" in shared.page(f"/telemetry/{name}")
    rows = shared.get(f"/telemetry/{name}.json?_shape=array").json()
    lines = shared.get(f"/telemetry/{name}.csv").text.splitlines()
    assert len(lines) == len(rows) + 1
    if name != "stale_nodes":
        assert rows
    for link in links(shared.page(f"/telemetry/{name}")):
        assert shared.get(link, follow_redirects=True).status_code == 200, link


def test_title_is_on_every_page(site):
    for path in [
        *PAGES,
        "/telemetry/nodes",
        "/telemetry/nodes/12",
        "/telemetry/stale_nodes",
        "/-/login",
        "/-/metadata",
    ]:
        assert "· Hill house</title>" in site.page(path), path
    assert "· Hill house</title>" in site.page("/nope", 404)


def test_demo_banner_is_on_every_page(make_site):
    site = make_site(demo=True)
    for path in [*PAGES, "/telemetry/nodes", "/telemetry/stale_nodes", "/-/login", "/-/metadata"]:
        assert "nothing here is real" in site.page(path), path
    assert "nothing here is real" in site.page("/nope", 404)


def test_states_wait_until_the_history_of_the_demo_is_made(make_site, tmp_path):
    site = make_site(demo=True)
    making = "The demo's history is being made."
    for path in ("/", "/nodes", "/radio"):
        assert making in html.unescape(site.page(path).partition("<h1")[2].partition("</h1>")[0]), path
    assert "needs a look is known when" in site.page("/") and "Silent:" not in site.page("/nodes")
    node = site.page("/nodes/main/12").partition("<h1")[2].partition("</p>")[0]
    assert "its history is being made" in node and "silent" not in node.lower()
    (tmp_path / ANCHOR).write_text("1795996800.0")
    assert making not in html.unescape(site.page("/"))


def test_a_lost_gateway_is_on_every_page(site):
    connection = connect(site.datasette.config.database)
    connection.execute(
        "update ingest_status set state = 'lost', detail = 'connection refused' where source = 'shed'"
    )
    connection.close()
    for path in [*PAGES, "/telemetry/nodes", "/telemetry/stale_nodes"]:
        assert "connection refused" in site.page(path), path
    first = site.get("/telemetry/attention.json?_shape=array").json()[0]
    assert (first["severity"], first["subject"]) == ("Critical", "Gateway shed")
    assert "Critical" in site.page("/nodes/shed/0")


def test_a_late_heartbeat_is_on_every_page(site):
    connection = connect(site.datasette.config.database)
    connection.execute(
        "update ingest_status set heartbeat_at = ? where source = 'main'", (format_utc(1_700_000_000),)
    )
    connection.close()
    for path in PAGES:
        assert "its reader is not running" in site.page(path), path


def test_node_page_shows_the_recorded_values(site):
    text = site.page("/nodes/main/12")
    assert "Greenhouse 12" in text and "Battery 15 %" in text
    assert "20.9\u2009°C" in text and "55\u2009%" in text
    assert "12;1;1;0;0;20.9" in text and "set V_TEMP" in text
    assert "3.5\u2009°F" in site.page("/nodes/shed/12")  # this gateway is not metric


def test_node_values_are_escaped(site):
    for path in ("/", "/nodes", "/nodes/main/7", "/telemetry/node_overview", "/telemetry/node_messages"):
        text = site.page(path)
        assert "<script>alert" not in text and "<img src=x" not in text, path
    assert "&lt;script&gt;" in site.page("/nodes/main/7")


def test_unknown_nodes_are_not_found_with_a_message(site):
    text = html.unescape(site.page("/nodes/main/77", 404))
    assert "No node 77 on gateway main. Heard so far: 0, 7, 12" in text
    assert "No gateway attic. There are: main, shed." in html.unescape(site.page("/nodes/attic/1", 404))
    for odd in ("/nodes/main/0x1", "/nodes/main/-1", "/nodes/main/99999999999999999999", "/nodes/main/12%2F"):
        site.page(odd, 404)


def test_nodes_can_be_filtered(site):
    assert "1 of 5 nodes" in site.page("/nodes?q=greenh")
    assert "2 of 5 nodes" in site.page("/nodes?gateway=shed")
    assert "No node matches" in site.page("/nodes?state=nothing")


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("sensor_latest.json?node=12", 2),
        ("value_latest.json?node=12&child_id=2", 2),
        ("value_latest.json?type=V_TEMP", 2),
        ("value_messages.json?node=12&type=V_TEMP", 1),
        ("value_messages.json?sensor=3073", 1),
        ("messages.json?node=12&child_id=1&type_name=V_TEMP", 1),
        ("node_messages.json?node=12&type=V_TEMP", 1),
        ("node_messages.json?sensor=3073", 2),
        ("node_messages.json?node=0&command=internal", 1),
        ("node_messages.json?node=x", 0),
        ("message_statistics.json?node=12&per=type&type=V_TEMP", 1),
        ("message_statistics.json?node=12&child=2&per=sensor", 1),
        ("message_statistics.json?sensor=3074&per=type", 3),
        ("channel_history.json?node=12&type=V_HUM", 1),
        ("channel_history.json?sensor=3073", 1),
        ("strange_messages.json?node=12&reason=unknown", 1),
        ("stale_nodes.json?days=0.0001", 5),
        ("stale_nodes.json?days=1", 0),
        ("battery_age.json?node=12", 1),
    ],
)
def test_everything_is_filtered_by_node_sensor_and_type(shared, path, rows):
    joint = "&" if "?" in path else "?"
    assert len(shared.get(f"/telemetry/{path}{joint}_shape=array").json()) == rows


def test_an_invalid_range_is_an_error_with_a_message(site):
    response = site.get("/telemetry/channel_history.json?range=soon")
    assert response.status_code == 400 and "not a duration" in response.text


def test_ago_compares_with_every_time(site):
    sql = "select count(*) as n from messages where received_at > ago('6 hours')"
    assert site.get("/telemetry.json", params={"sql": sql, "_shape": "array"}).json()[0]["n"] == 19


def test_long_tables_are_not_counted(site):
    assert site.get("/telemetry/messages.json").json()["filtered_table_rows_count"] is None
    assert site.get("/telemetry/nodes.json").json()["filtered_table_rows_count"] == 5


def test_pulse_reports_changes(site):
    before = site.get("/-/pulse.json").json()
    assert before["ok"] and before["now"].endswith("Z")
    site.post("/telemetry/set_location", json={"node": 12, "location": "Bed"}, headers=bearer())
    after = site.get("/-/pulse.json").json()
    assert after["changes"]["nodes"]["seq"] == before["changes"].get("nodes", {"seq": 0})["seq"] + 1


def test_the_list_of_tables_does_not_count_long_ones(site):
    tables = {table["name"]: table["count"] for table in site.get("/telemetry.json").json()["tables"]}
    assert tables["messages"] is None and tables["readings"] is None and tables["nodes"] == 5
    assert tables["ups_minutes"] is None and tables["battery_daily"] is None


def test_every_table_and_view_and_column_is_described(site):
    described = site.get("/-/metadata.json").json()["databases"]["telemetry"]["tables"]
    names = {row[0] for row in site.rows("select name from sqlite_master where type in ('table', 'view')")}
    assert names == set(described)
    for name in names - {"_sqlite_migrations"}:
        columns = {row[0] for row in site.rows("select name from pragma_table_info(?)", name)}
        assert columns == set(described[name]["columns"]), name
        assert columns >= set(described[name].get("first_columns", ())), name
        assert described[name].get("hidden") or (
            described[name]["title"] and described[name]["description"]
        ), name


@pytest.mark.parametrize(
    "path",
    [
        *(path for path in PAGES if path != "/telemetry"),  # Datasette's own says 400
        "/radio",
        "/ups",
        "/energy",
        "/events",
        "/events?tab=all",
        "/events.atom",
        "/batteries.ics",
        "/reports",
        "/reports?period=year",
        "/-/ota",
        "/-/maintenance",
        "/-/pulse.json",
        "/api",
        "/api/telemetry",
        "/metrics",
        "/ups/garage",
    ],
)
def test_a_slow_database_does_not_break_a_page(shared, path, monkeypatch):
    monkeypatch.setattr(shared.datasette, "sql_time_limit_ms", 0)
    response = shared.get(path, headers=BROWSER)
    assert response.status_code in (200, 503), response.text
