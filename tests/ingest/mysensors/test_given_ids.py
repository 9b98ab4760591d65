"""Ids over the wire and in the file: a ring that survives kill -9, deletions, the upgrade, who is told."""

import json
import time

import pytest
from sqlite_utils import Database

from ingest.db.connection import connect, dict_rows
from ingest.maintenance.deletion import delete
from ingest.mysensors.known_nodes import load_known_nodes
from ingest.mysensors.registry import mark_id_givers, number_gateways
from ingest.schema.migrate import migrate, migrations
from tests.helpers.new_database import new_database
from voltkeeper.check import run_check
from voltkeeper.config_source import Sources
from voltkeeper.status import read_attention

OLD = "255;255;3;0;3;0"  # of a bootloader
RINGS = "select node_id, token from given_ids order by id"


def test_ids_survive_kill_9_and_are_given_again_once_they_rested(site, tiny):
    daemon = site.start(f"commit_s: 60\ngateways: [{{name: main, tcp: {tiny.address}}}]\n")
    tiny.connected()
    tiny.say(OLD, OLD)
    assert tiny.wait("255;.*", 2, 30) == ["255;255;3;0;4;1", "255;255;3;0;4;2"]
    daemon.kill()
    daemon.wait()
    assert site.rows(RINGS) == [(1, 255), (2, 255)]
    site.execute("update given_ids set given_at = '2026-01-01T00:00:00.000Z' where node_id = 2")
    tiny.received.clear()
    site.start(f"gateways: [{{name: main, tcp: {tiny.address}}}]\n")
    tiny.connected(2)
    tiny.say(OLD, "255;17;3;0;3;")
    assert tiny.wait("255;.*", 2, 30) == ["255;255;3;0;4;2", "255;17;3;0;4;3"]
    tiny.say("2;255;0;0;17;2.3.2")
    site.wait("select 1 from nodes where node_id = 2 and id_given_at is not null", seconds=20)
    assert site.rows(RINGS) == [(1, 255), (3, 17)]
    assert site.column("select node_id from nodes where node_id <> 0") == [2]


def test_a_deletion_frees_the_id_at_once(site, tiny):
    def play():
        tiny.connected()
        tiny.say(*(f"{node};255;3;0;22;1" for node in range(1, 255)), OLD)
        site.wait("select 1 from ingest_status where last_error = 'a node got no id: all are taken'")
        site.wait("select 1 where (select count(*) from nodes) >= 254")
        number = site.execute("insert into deletions (kind, key, subject) values ('node', 7, 'Node 7')")
        connection = connect(site.path)
        (deletion,) = dict_rows(connection, "select * from deletions where id = ?", (number,))
        connection.close()
        delete(site.path, deletion, "UTC")
        for _ in range(200):
            if tiny.heard("255;.*"):
                break
            tiny.say(OLD)
            time.sleep(0.05)
        return tiny.heard("255;.*")

    config = site.config({"tcp": tiny.address, "answers": {"presentation": False}})
    assert set(site.live(config, play)) == {"255;255;3;0;4;7"}
    assert site.rows(RINGS) == [(7, 255)]


def test_an_order_after_a_deletion_is_sent_though_its_number_was_used_before(site, tiny):
    def play():
        tiny.connected()
        tiny.say("7;255;0;0;17;2.3.2", "8;255;0;0;17;2.3.2")
        site.wait("select 1 from nodes where id = 8")
        first = site.order(7, line="7;1;1;0;2;1")
        tiny.wait("7;1;1;0;2;1")
        site.wait("select 1 from outbox where done_at is not null")
        site.execute("delete from outbox")
        time.sleep(0.3)  # ingest looks twenty times a second
        assert site.order(8, line="8;1;1;0;2;1") == first
        return tiny.wait("8;1;1;0;2;1")

    site.live(site.config({"tcp": tiny.address}), play)


# The upgrade, and who is told.


@pytest.fixture
def old(tmp_path):
    """A file of the version before, and a way to bring it up to date."""
    path = tmp_path / "telemetry.db"
    connection = connect(path)
    names = [migration.name for migration in migrations.pending(Database(memory=True))]
    migrations.apply(Database(connection), stop_before=names[names.index("given_ids")])
    number_gateways(connection, [("main", "tcp a:1"), ("shed", "tcp b:1")])
    connection.executemany(
        "insert into nodes (id, name, gateway, node_id, id_given_at, last_seen_at) "
        "values (?, '', ?, ?, ?, ?)",
        [(n, 0, n, f"2026-11-01T00:00:{n % 60:02}.000Z", None) for n in range(1, 41)]
        + [(256 + n, 1, n, "2026-11-02T00:00:00.000Z", None) for n in (1, 2)]
        + [(50, 0, 50, "2026-11-01T00:00:00.000Z", "2026-11-03T00:00:00.000Z"), (51, 0, 51, None, None)],
    )
    yield connection, lambda: migrate(path)
    connection.close()


def test_never_heard_nodes_go_at_the_upgrade_and_the_newest_become_the_ring(old):
    connection, upgrade = old
    upgrade()
    assert connection.execute("select id from nodes order by id").fetchall() == [(50,), (51,)]
    rows = connection.execute("select gateway, node_id, token from given_ids order by id").fetchall()
    assert sorted(rows) == [
        *((0, n, None) for n in range(33, 41)),
        (1, 1, None),
        (1, 2, None),
    ]
    known = load_known_nodes(connection, 0)
    assert [given.node_id for given in known.ids.ring] == [*range(33, 41)]
    assert known.ids.give(255, known.ids.ring[0].given + 100_000) == 33


DID = (
    "update nodes set location = 'Garage' where id = 9",
    "insert into outbox (node, \"order\") values (9, 'reboot')",
    "insert into battery_changes (node, changed_at) values (9, '2026-01-01')",
    "insert into ota_updates (node, type, version, requested_at) values (9, 1, 1, '2026-01-01')",
    "insert into node_firmware (node, attention) values (9, '')",
    "insert into settings (subject, key, value) values ('nodes/9', 'label', 'Gate')",
    "insert into sensors (id, name, node, child_id) values (2305, '', 9, 1)",
    "insert into events (event, node, started_at) values ('OTA_FAILED', 9, '2026-01-01')",
    "update nodes set presented_at = '2026-01-01' where id = 9",
)


@pytest.mark.parametrize("statement", DID)
def test_a_node_that_somebody_did_something_with_stays(old, statement):
    connection, upgrade = old
    connection.execute(statement)
    upgrade()
    assert connection.execute("select id from nodes order by id").fetchall() == [(9,), (50,), (51,)]
    assert 9 in load_known_nodes(connection, 0).ids.used


@pytest.mark.parametrize(
    ("in_use", "severity", "words"),
    [
        (200, None, "54 ids are left"),
        (238, None, "16 ids are left"),
        (239, "Warning", "15 ids are left for new nodes, 239 are in use; delete nodes that are gone"),
        (253, "Warning", "1 id is left"),
        (254, "Critical", "no id is left for a new node: all 254 are in use; delete nodes"),
    ],
)
def test_few_ids_are_attention_on_home_check_and_status(tmp_path, in_use, severity, words):
    path = tmp_path / "data" / "telemetry.db"
    new_database(path)
    connection = connect(path)
    number_gateways(connection, [("main", "tcp 127.0.0.1:1"), ("mute", "tcp 127.0.0.1:2")])
    connection.executemany(
        "insert into nodes (id, name, gateway, node_id, last_seen_at) values (?, '', ?, ?, ?)",
        [(256 * g + n, g, n, "2026-11-01T00:00:00.000Z") for g in (0, 1) for n in range(in_use + 1)],
    )
    mark_id_givers(connection, {0: True, 1: False})
    found = connection.execute("select severity, subject, text from attention where text like '% id%left%'")
    rows = found.fetchall()
    connection.close()
    assert [row[:2] for row in rows] == ([(severity, "Gateway main")] if severity else [])
    assert all(words in text for _, _, text in rows)
    if in_use not in (238, 254):
        return  # `check` takes a second
    (tmp_path / "config.yml").write_text("gateways: [{name: main, tcp: '127.0.0.1:1'}]\ntimezone: UTC\n")
    lines = []
    run_check(str(tmp_path / "config.yml"), Sources(), None, lines.append)
    (line,) = [line for line in lines if "ids of" in line]
    assert words in line and line.startswith("FAILED" if severity else "ok") and "mute" not in line
    status = [line for line in read_attention(path) if " left " in line]
    assert bool(status) == bool(severity) and all(words in line and severity in line for line in status)


def test_the_ring_is_described_as_json(tmp_path):
    new_database(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    number_gateways(connection, [("main", "tcp a:1")])
    mark_id_givers(connection, {0: True})
    connection.execute("insert into given_ids (gateway, node_id, token, given_at) values (0, 5, 9, 'x')")
    row = connection.execute("select json_array(in_use, [left], given, severity) from gateway_ids").fetchone()
    assert json.loads(row[0]) == [0, 254, 1, "OK"]
    connection.execute("insert into nodes (id, name, gateway, node_id) values (5, '', 0, 5)")
    assert connection.execute("select count(*) from given_ids").fetchone() == (0,)
    connection.close()
