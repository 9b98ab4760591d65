"""The numbers of gateways: kept when gateways are added, removed, put in another order or renamed."""

import pytest

from ingest.db.connection import connect
from ingest.mysensors.registry import number_gateways
from tests.helpers.new_database import new_database


@pytest.fixture
def connection(tmp_path):
    new_database(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    yield connection
    connection.close()


MAIN, SHED, BARN = ("main", "tcp a:5003"), ("shed", "serial /dev/x"), ("barn", "tcp b:5003")


def test_the_first_gateway_is_0_and_the_order_of_the_config_does_not_matter(connection):
    assert number_gateways(connection, [MAIN, SHED]) == {"main": 0, "shed": 1}
    assert number_gateways(connection, [BARN, SHED, MAIN]) == {"barn": 2, "shed": 1, "main": 0}


def test_a_removed_gateway_keeps_its_number_and_gets_it_back(connection):
    number_gateways(connection, [MAIN, SHED])
    assert number_gateways(connection, [SHED]) == {"shed": 1}
    assert connection.execute("select name, configured from gateways order by id").fetchall() == [
        ("main", 0),
        ("shed", 1),
    ]
    assert number_gateways(connection, [SHED, BARN]) == {"shed": 1, "barn": 2}
    assert number_gateways(connection, [MAIN, SHED]) == {"main": 0, "shed": 1}


def test_a_gateway_that_moves_keeps_its_number(connection):
    number_gateways(connection, [MAIN, SHED])
    assert number_gateways(connection, [("main", "tcp elsewhere:5003"), SHED]) == {"main": 0, "shed": 1}


def test_a_renamed_gateway_keeps_its_number_and_its_name_goes_down_to_every_channel(connection):
    number_gateways(connection, [MAIN, SHED])
    connection.execute(
        "insert into nodes (id, name, gateway, node_id) "
        "values (256, '', 1, 0), (268, '', 1, 12), (5, '', 0, 5)"
    )
    connection.execute("insert into sensors (id, name, node, child_id) values (68609, '', 268, 1)")
    connection.execute(
        "insert into channels (id, name, node, sensor, type, type_name) "
        "values (17563904, '', 268, 68609, 0, 'V_TEMP')"
    )
    assert number_gateways(connection, [MAIN, ("hut", SHED[1])]) == {"main": 0, "hut": 1}
    assert connection.execute("select name from gateways order by id").fetchall() == [("main",), ("hut",)]
    names = connection.execute(
        "select name from nodes union all select name from sensors union all select name from channels"
    )
    assert [name for (name,) in names] == [
        "Node 5",
        "Gateway hut",
        "Node 12",
        "Node 12 · child 1",
        "Node 12 · child 1 · V_TEMP",
    ]
