"""Orders that come in: what they are read as, and the rows that they become."""

import sqlite3

import pytest

from ingest.mqtt.records import Published
from ingest.orders.outcome import RefusedError
from outbound.mqtt.orders import MAX_PAYLOAD, carry_out, read_order
from outbound.mqtt.results import OrderResults
from outbound.mqtt.topics import Topics
from tests.outbound.mqtt.published_site import PublishedHouse, make_config

TOPICS = Topics("voltkeeper")
COMMAND, SET = "voltkeeper/ups/rack@closet/command", "voltkeeper/node/main/12/2/V_STATUS/set"
UPDATE = "voltkeeper/node/main/12/update"


@pytest.fixture
def order(tmp_path):
    house = PublishedHouse(tmp_path / "telemetry.db")
    house.connection.row_factory = sqlite3.Row
    house.run("insert into node_firmware (node, type, version) values (12, 10, 3)")
    for version in (3, 4):
        house.run(
            "insert into firmware (name, type, version, blocks, crc, sha256, filename, size, uploaded_at) "
            "values ('x', 10, ?, 32, 1, ?, 'x.hex', 512, ?)",
            version,
            str(version),
            house.now(),
        )
    config = make_config(tmp_path, 1)

    def place(topic, payload, retained=False):
        payload = payload if isinstance(payload, bytes) else payload.encode()
        read = read_order(TOPICS, Published(topic, payload, retained))
        return read, carry_out(house.connection, read, config, "mqtt:broker")

    place.house = house
    yield place
    house.connection.close()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("test.battery.start.quick", ("test.battery.start.quick", None)),
        ('{"command": "test.battery.start.quick"}', ("test.battery.start.quick", None)),
        ('{"command": "load.off", "confirm": true}', ("load.off", None)),
    ],
)
def test_a_listed_command_becomes_an_order(order, payload, expected):
    order(COMMAND, payload)
    rows = order.house.run("select command, value, created_by from ups_orders")
    assert [tuple(row) for row in rows] == [(*expected, "mqtt:broker")]


@pytest.mark.parametrize(
    ("topic", "payload", "part"),
    [
        (COMMAND, "load.off", '"confirm": true'),
        (COMMAND, "beeper.mute", "is not listed"),
        (COMMAND, "test.battery.start.quick 7", "takes no value"),
        (COMMAND, "{", "begins as JSON"),
        (COMMAND, '{"command": ["x"]}', "keys command"),
        (COMMAND, b"\xff", "UTF-8"),
        (COMMAND, "x" * (MAX_PAYLOAD + 1), "larger than"),
        ("voltkeeper/ups/1/command", "test.battery.start.quick", "No UPS 1"),
        ("voltkeeper/ups/desk@closet/command", "load.off", "No UPS desk@closet"),
        (SET, "maybe", "1 or 0, on or off"),
        ("voltkeeper/node/main/12/1/V_TEMP/set", "3", "is reported by the node"),
        ("voltkeeper/node/main/12/1/V_NOTHING/set", "3", "is no channel"),
        ("voltkeeper/node/main/99/1/V_STATUS/set", "on", "No node main/99"),
        (UPDATE, "10/9", "No firmware 10/9 is stored"),
        (UPDATE, "11", "type/version"),
        ("voltkeeper/node/main/12/reboot", "1", "takes no orders"),
        ("other/ups/rack@closet/command", "load.off", "takes no orders"),
    ],
)
def test_what_is_refused_says_why_and_leaves_no_row(order, topic, payload, part):
    with pytest.raises(RefusedError, match=part):
        order(topic, payload)
    for table in ("ups_orders", "outbox", "ota_updates"):
        assert order.house.run(f"select * from {table}") == []


def test_a_retained_order_is_refused_whatever_it_is(order):
    for topic, payload in ((COMMAND, "test.battery.start.quick"), (SET, "on"), (UPDATE, "10/4")):
        with pytest.raises(RefusedError, match="without retain"):
            order(topic, payload, retained=True)


def test_a_value_becomes_a_line_in_the_outbox(order):
    order(SET, "on")
    rows = order.house.run("select node, line, created_by from outbox")
    assert [tuple(row) for row in rows] == [(12, "12;2;1;1;2;1", "mqtt:broker")]


@pytest.mark.parametrize("payload", ["10/4", "newest", '{"firmware": "10/4"}'])
def test_firmware_is_scheduled_as_the_page_does_it(order, payload):
    order(UPDATE, payload)
    rows = order.house.run("select node, type, version, requested_by from ota_updates")
    assert [tuple(row) for row in rows] == [(12, 10, 4, "mqtt:broker")]


def test_what_becomes_of_an_order_is_published_until_it_is_done(order):
    results, (placed, done) = OrderResults(), order(COMMAND, "test.battery.start.quick")
    results.follow(placed, done)
    connection = order.house.connection
    assert list(results.read(connection)) == [] and results
    order.house.run("update ups_orders set state = 'sent'")
    assert [topic for topic, _ in results.read(connection)] == [f"{COMMAND}/result"]
    order.house.run("update ups_orders set state = 'failed', reason = 'ERR', done_at = ?", order.house.now())
    [(_, payload)] = results.read(connection)
    assert b'"state":"failed","ok":false,"message":"ERR"' in payload
    assert not results and list(results.read(connection)) == []
