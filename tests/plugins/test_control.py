"""Orders from forms and programs: lines by fields, templates, values of channels, and the pages with them."""

from contextlib import closing

import pytest

from ingest.config.model import Config, GatewaySettings
from ingest.db.connection import connect
from ingest.mysensors.replay import replay
from plugins.web.app.server import build
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import ACCESS, READER, SiteClient, bearer, fill

LINES = [
    "0;255;0;0;18;2.3.2",
    "20;255;0;0;17;2.3.2",
    "20;255;3;0;11;Actuators",
    "20;1;0;0;3;Lamp",
    "20;1;1;0;2;0",
    "20;2;0;0;4;Dimmer",
    "20;2;1;0;3;50",
    "20;3;0;0;5;Blind",
    "20;4;0;0;29;Heating",
    "20;4;1;0;45;20.5",
    "20;4;1;0;46;Auto",
    "20;5;0;0;26;Strip",
    "20;5;1;0;40;ff8800",
    "20;6;0;0;36;Display",
    "20;7;0;0;6;Air",
    "20;7;1;0;0;21",
]
NODE = 20
SENSOR = {child: 256 * NODE + child for child in range(8)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("control") / "house.db"
    new_database(path)
    fill(path)
    recording = [(1_780_000_000 + number, line.encode()) for number, line in enumerate(LINES)]
    replay(path, "main", "tcp main:5003", recording, "UTC")
    gateways = (GatewaySettings("main", tcp="main:5003"), GatewaySettings("shed", tcp="shed:5003"))
    site = SiteClient(build(Config(database=path, timezone="UTC", gateways=gateways, access=ACCESS)))
    yield site
    site.close()


@pytest.fixture
def site(built):
    """The same site for all tests, without the orders of the one before."""
    with closing(connect(built.datasette.config.database)) as connection:
        connection.execute("delete from outbox")
    return built


def send(site, path, **fields):
    return site.post(path, headers=bearer(), json=fields)


def queued(site):
    return site.rows('select node, "order", line from outbox order by id')


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"command": "set", "child": 1, "type": "V_STATUS", "payload": "1", "echo": 1}, "20;1;1;1;2;1"),
        ({"child": 1, "type": "v_status", "payload": "0"}, "20;1;1;0;2;0"),
        ({"command": "req", "child": "1", "type": "V_STATUS"}, "20;1;2;0;2;"),
        ({"type": "I_VERSION"}, "20;255;3;0;2;"),
        ({"command": 1, "child": 6, "type": 47, "payload": " a b "}, "20;6;1;0;47; a b "),
        ({"command": "internal", "type": "I_SIGNAL_REPORT_REQUEST", "payload": "R"}, "20;255;3;0;29;R"),
        ({"order": "request", "channel": 256 * SENSOR[1] + 2}, "20;1;2;1;2;"),
        ({"line": " 20;6;1;1;47; \n"}, "20;6;1;1;47; "),
        ({"line": "20;1;1;1;2;1 "}, "20;1;1;1;2;1"),
        ({"line": "20;255;3;1;18; "}, "20;255;3;1;18;"),
    ],
)
def test_a_line_of_fields(site, fields, line):
    response = send(site, "/-/orders", node="main/20", **fields)
    assert response.status_code == 201, response.text
    assert queued(site) == [(NODE, None, line)]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"type": "V_NOSUCH", "child": 1}, 400, "symbol such as"),
        ({"type": "I_REBOOT", "command": "set", "child": 1}, 400, "one of the command internal"),
        ({"type": "V_STATUS"}, 400, "child is needed"),
        ({"type": "V_STATUS", "child": 256}, 400, "0 to 255"),
        ({"type": 2, "child": 1}, 400, "command is needed"),
        ({"type": "V_TEXT", "child": 1, "payload": "a;b"}, 400, "first ';'"),
        ({"type": "V_TEXT", "child": 1, "payload": "x" * 26}, 400, "25 at most"),
        ({"type": "ST_FIRMWARE_CONFIG_RESPONSE", "child": 255, "payload": "00"}, 400, "/-/ota"),
        ({"command": 4, "type": 3, "child": 255, "payload": "00"}, 400, "/-/ota"),
        ({"line": "20;255;4;0;1;0A00010050000D94"}, 400, "/-/ota"),
        ({"line": "20;1;1;1;2;1", "order": "reboot"}, 400, "either order or line or type"),
        ({"order": "request", "channel": 256 * 256 * 21}, 400, "not one of"),
        ({"order": "request"}, 400, "channel is needed"),
    ],
)
def test_what_is_no_order_is_refused_with_the_reason(site, fields, status, words):
    response = send(site, "/-/orders", node="main/20", **fields)
    assert response.status_code == status and words in response.json()["errors"][0], response.text
    assert queued(site) == []
    assert site.rows("select outcome from audit order by id desc limit 1")[0][0].startswith("refused: ")


def test_discover_for_one_gateway_or_all(site):
    assert send(site, "/-/orders", order="discover", gateway="shed").status_code == 201
    assert send(site, "/-/orders", order="discover", all=True).status_code == 201
    assert send(site, "/-/orders", order="discover", node="main/0").status_code == 201
    shed = 256
    line = "255;255;3;0;20;"
    assert queued(site) == [(node, None, line) for node in (shed, 0, shed, 0)]
    for fields in ({"gateway": "nowhere"}, {"node": "main/20"}, {}):
        assert send(site, "/-/orders", order="discover", **fields).status_code in (400, 404)


def test_a_line_finds_its_node_by_the_gateway(site):
    assert send(site, "/-/orders", gateway="main", line="20;1;1;1;2;1").status_code == 201
    assert send(site, "/-/orders", gateway="main", line="255;255;3;0;20;").status_code == 201
    assert send(site, "/-/orders", gateway="main", line="255;255;4;0;1;00").status_code == 400
    assert send(site, "/-/orders", gateway="main", line="77;1;1;1;2;1").status_code == 404
    assert queued(site) == [(NODE, None, "20;1;1;1;2;1"), (0, None, "255;255;3;0;20;")]


@pytest.mark.parametrize(
    ("child", "type", "value", "line"),
    [
        (1, 2, "on", "20;1;1;1;2;1"),
        (1, 2, False, "20;1;1;1;2;0"),
        (1, 2, 1, "20;1;1;1;2;1"),
        (2, 3, "80", "20;2;1;1;3;80"),
        (3, 29, "up", "20;3;1;1;29;1"),
        (3, 31, 1, "20;3;1;1;31;1"),
        (4, 45, 21.5, "20;4;1;1;45;21.5"),
        (4, 46, "auto", "20;4;1;1;46;Auto"),
        (5, 40, "#00FF00", "20;5;1;1;40;00ff00"),
        (6, 47, "door open", "20;6;1;1;47;door open"),
        (6, 47, " ", "20;6;1;1;47; "),
    ],
)
def test_a_value_for_a_channel_is_an_order(site, child, type, value, line):
    channel = 256 * SENSOR[child] + type
    response = send(site, f"/-/channels/{channel}", value=value)
    assert response.status_code == 201, response.text
    assert response.json()["line"] == line and len(response.json()["ids"]) == 1
    assert queued(site) == [(NODE, None, line)]


@pytest.mark.parametrize(
    ("child", "type", "fields", "status", "words"),
    [
        (1, 2, {"value": "maybe"}, 400, "1 or 0, on or off"),
        (1, 2, {}, 400, "value is needed"),
        (2, 3, {"value": 101}, 400, "0 to 100"),
        (7, 0, {"value": 20}, 409, "reported by the node"),
        (0, 2, {"value": 1}, 404, "No channel"),
        (6, 47, {"value": "x" * 26}, 400, "25 at most"),
        (6, 47, {"value": "ä" * 13}, 400, "25 at most"),
        (6, 47, {"value": "a\nb"}, 400, "control character"),
        (6, 47, {"value": ""}, 400, "empty"),
    ],
)
def test_what_a_channel_does_not_take(site, child, type, fields, status, words):
    response = send(site, f"/-/channels/{256 * SENSOR[child] + type}", **fields)
    assert response.status_code == status and words in response.json()["errors"][0], response.text
    assert queued(site) == []


def test_a_value_needs_the_right_order(site):
    path = f"/-/channels/{256 * SENSOR[1] + 2}"
    assert site.post(path, json={"value": 1}).status_code == 401
    assert site.post(path, json={"value": 1}, headers=bearer(READER)).status_code == 403
    assert queued(site) == []


def test_the_page_of_a_node_offers_controls_and_shows_what_became_of_orders(site):
    text = site.page("/nodes/main/20")
    for child, type in ((1, 2), (2, 2), (2, 3), (3, 29), (3, 31), (4, 45), (4, 46), (5, 40), (6, 47)):
        assert f'action="/-/channels/{256 * SENSOR[child] + type}"' in text, (child, type)
    assert f"/-/channels/{256 * SENSOR[7]}" not in text and 'class="steps"' not in text
    send(site, f"/-/channels/{256 * SENSOR[1] + 2}", value="on")
    for text in (site.page("/nodes/main/20"), site.channel_page(256 * SENSOR[1] + 2)):
        assert "wanted <strong>on</strong>" in text and "not sent yet" in text and "data-busy" in text


def test_pages_of_channels_have_the_control(site):
    for child, type, mark in (
        (4, 45, 'type="number"'),
        (5, 40, 'type="color"'),
        (4, 46, "<option"),
        (1, 2, "aria-pressed"),
    ):
        assert mark in site.channel_page(256 * SENSOR[child] + type).partition('id="control"')[2]
    assert 'aria-label="colour ff8800"' in site.channel_page(256 * SENSOR[5] + 40)
    assert 'id="control"' not in site.channel_page(256 * SENSOR[7])


def test_the_radio_page_has_the_form_without_a_script(site):
    text = site.page("/radio")
    assert all(f'id="send-{part}"' in text for part in ("template", "discover", "fields", "line"))
    assert ">V_STATUS</option>" in text and "ST_FIRMWARE" not in text.partition('id="log"')[0]
