"""Labels and names: what sets them, what they are after an upgrade, and that ingest leaves them alone."""

import time

import pytest
from sqlite_utils import Database

from ingest.db.connection import connect, transaction
from ingest.mysensors.protocol import parse_line
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.replay import replay
from ingest.mysensors.store import Store
from ingest.schema.migrate import migrations
from ingest.settings import save_setting
from ingest.ups.registry import UpsSource, insert, register
from ingest.ups.settings import UpsSettings
from tests.helpers.new_database import new_database

NODES = "select name from nodes order by id"
RACK = UpsSource("closet", "nut", "closet:3493")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "telemetry.db"


@pytest.fixture
def connection(path):
    new_database(path)
    connection = connect(path)
    yield connection
    connection.close()


def column(connection, sql, *values):
    return [row[0] for row in connection.execute(sql, values)]


def add_network(connection):
    """Two gateways with the node id 9, each with a sensor and a channel; gateway 1 has itself, too."""
    connection.execute("insert into gateways (id, name, address) values (0, 'main', 'x'), (1, 'shed', 'y')")
    for node in (9, 265):
        connection.execute(
            "insert into nodes (id, name, gateway, node_id, sketch_name, location) "
            "values (?, '', ?, 9, ?, ?)",
            (node, node // 256, "Door" if node == 9 else " ", "Garage"),
        )
        connection.execute(
            "insert into sensors (id, name, node, child_id, type_name) values (?, '', ?, 1, 'S_DOOR')",
            (256 * node + 1, node),
        )
        connection.execute(
            "insert into channels (id, name, node, sensor, type, type_name) "
            "values (?, '', ?, ?, 16, 'V_TRIPPED')",
            (256 * (256 * node + 1) + 16, node, 256 * node + 1),
        )
    connection.execute("insert into nodes (id, name, gateway, node_id) values (256, '', 1, 0)")


def test_a_label_is_the_name_and_a_location_is_none(connection):
    add_network(connection)
    assert column(connection, NODES) == ["Door 9", "Gateway shed", "Node 9"]
    for subject in ("nodes/9", "nodes/265"):
        save_setting(connection, subject, "label", "Side door", "owner")
    save_setting(connection, "nodes/256", "label", "Radio mast", "owner")
    save_setting(connection, "sensors/2305", "label", "Lock", "owner")
    assert column(connection, NODES) == ["Side door", "Radio mast", "Side door"]
    assert column(connection, "select name from sensors order by id") == [
        "Side door · Lock",
        "Side door · S_DOOR 1",
    ]
    assert column(connection, "select name from channels order by id")[0] == "Side door · Lock · V_TRIPPED"
    assert column(connection, "select ref from node_overview where label = 'Side door' order by id") == [
        "main/9",
        "shed/9",
    ]
    save_setting(connection, "nodes/9", "label", "Back door", "owner")
    save_setting(connection, "sensors/2305", "label", "", "owner")
    assert (
        column(connection, "select name from channels order by id")[0] == "Back door · S_DOOR 1 · V_TRIPPED"
    )
    save_setting(connection, "nodes/9", "label", "", "owner")
    assert column(connection, NODES) == ["Door 9", "Radio mast", "Side door"]
    connection.execute("update nodes set location = 'Elsewhere'")
    assert column(connection, NODES) == ["Door 9", "Radio mast", "Side door"]


def test_other_settings_and_other_nodes_leave_a_label_alone(connection):
    add_network(connection)
    save_setting(connection, "nodes/9", "label", "Side door", "owner")
    save_setting(connection, "nodes/9", "sleep", "awake", "owner")
    save_setting(connection, "nodes/9", "sleep", "", "owner")
    save_setting(connection, "sensors/9", "label", "of no sensor", "owner")
    assert column(connection, "select label from nodes order by id") == ["Side door", "", ""]


def test_a_setting_that_moves_to_another_subject_takes_the_label_along(connection):
    add_network(connection)
    save_setting(connection, "nodes/9", "label", "Side door", "owner")
    connection.execute("update settings set subject = 'nodes/265' where subject = 'nodes/9'")
    assert column(connection, "select label from nodes order by id") == ["", "", "Side door"]


def test_a_file_of_the_version_before_keeps_locations_as_places_only(path):
    before = Database(connect(path))
    migrations.apply(before, stop_before=["labels"])
    add_network(before.conn)
    before.conn.execute(
        "insert into ups (name, driver, source, label) "
        "values ('a@b', 'nut', 'b', 'a@b'), ('c@b', 'nut', 'b', 'C')"
    )
    assert column(before.conn, NODES) == ["Garage", "Gateway shed", "Garage"]
    before.conn.commit()
    before.conn.close()
    new_database(path)
    connection = connect(path)
    assert column(connection, NODES) == ["Door 9", "Gateway shed", "Node 9"]
    assert column(connection, "select name from channels order by id") == [
        "Door 9 · S_DOOR 1 · V_TRIPPED",
        "Node 9 · S_DOOR 1 · V_TRIPPED",
    ]
    assert column(connection, "select location from nodes order by id") == ["Garage", "", "Garage"]
    assert column(connection, "select label from ups order by id") == ["a@b", "C"]
    save_setting(connection, "ups/2", "label", "Mine", "owner")
    save_setting(connection, "ups/2", "label", "", "owner")
    assert column(connection, "select label from ups order by id") == ["a@b", "C"]
    connection.close()


def test_ingest_never_writes_an_old_label_or_name_back(connection):
    connection.execute("insert into gateways (id, name, address) values (0, 'main', 'x')")
    store = Store(connection, "UTC")

    def receive(*lines):
        store.absorb(
            ReceivedBlock(0, "main", time.time(), time.monotonic(), 0, [parse_line(line) for line in lines])
        )
        with transaction(connection):
            store.write(connection)
        store.committed()

    receive("9;255;3;0;11;Door", "9;1;0;0;0;Latch", "9;1;1;0;16;1")
    save_setting(connection, "nodes/9", "label", "Side door", "owner")
    save_setting(connection, "sensors/2305", "label", "Lock", "owner")
    receive("9;255;3;0;11;Door 2", "9;1;0;0;0;Bolt", "9;1;1;0;16;0")
    assert column(connection, "select label || '|' || name || '|' || sketch_name from nodes") == [
        "Side door|Side door|Door 2"
    ]
    assert column(connection, "select name from channels") == ["Side door · Lock · V_TRIPPED"]
    save_setting(connection, "nodes/9", "label", "", "owner")
    receive("9;1;1;0;16;1")
    assert column(connection, NODES) == ["Door 2 9"]


def test_a_recording_leaves_a_label_alone(path, connection):
    now = time.time()
    replay(path, "main", "tcp main:5003", [(now - 60, b"9;255;3;0;11;Door")], "UTC")
    save_setting(connection, "nodes/9", "label", "Side door", "owner")
    replay(path, "main", "tcp main:5003", [(now - 30, b"9;255;3;0;11;Other")], "UTC")
    assert column(connection, NODES) == ["Side door"]


def test_page_over_config_over_device_over_name(connection):
    insert(connection, "rack@closet", "nut", "closet", "closet:3493/rack", "UPS of the vendor")
    insert(connection, "desk@closet", "nut", "closet", "closet:3493/desk")
    labels = "select label from ups order by id"
    assert column(connection, labels) == ["UPS of the vendor", "desk@closet"]
    register(connection, [RACK], {"rack@closet": UpsSettings(label="Rack")})
    assert column(connection, labels) == ["Rack", "desk@closet"]
    save_setting(connection, "ups/1", "label", "Mine", "owner")
    save_setting(connection, "ups/2", "label", "Desk", "owner")
    register(connection, [RACK], {"rack@closet": UpsSettings(label="Rack again")})
    assert column(connection, labels) == ["Mine", "Desk"]
    save_setting(connection, "ups/1", "label", "", "owner")
    save_setting(connection, "ups/2", "label", "", "owner")
    assert column(connection, labels) == ["Rack again", "desk@closet"]
    register(connection, [RACK], {})
    assert column(connection, labels) == ["UPS of the vendor", "desk@closet"]
