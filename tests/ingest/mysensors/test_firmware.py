"""Firmware updates by the real daemon over TCP: virtual nodes of every kind, rows as the site writes them."""

import time

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.demo.ota.updater import crc16
from ota.image import make_image
from tests.helpers.new_database import new_database
from tests.helpers.virtual_nodes import BootloaderNode, LibraryNode, Sleep
from tests.ingest.mysensors.air_gateway import AirGateway

SETTINGS = "ota: {effect_s: 4, stall_s: 4, verify_s: 5, rollout: {settle_s: 1}}\ncommit_s: 0.2\n"
LIMIT_S = 60  # of one wait; only a failure takes so long


def pattern(size, seed):
    return bytes((7 * i + seed + (i >> 5) * seed) & 255 for i in range(size))


OLD = pattern(512, 11)


def installed(node):
    return bytes(node.flash) if isinstance(node, BootloaderNode) else node.image


def bootloader(number, **options):
    return BootloaderNode(number, OLD, period_s=1.5, parent_s=0.2, now=time.monotonic(), **options)


def library(number, **options):
    return LibraryNode(number, OLD, period_s=1.5, now=time.monotonic(), **options)


class Field:
    """Gateways with nodes, and the tables as the site uses them."""

    def __init__(self, site):
        self.site, self.gateways, self.numbers = site, [], 0
        new_database(site.path)

    def gateway(self, *nodes, **options):
        self.gateways.append(AirGateway(nodes, **options))
        return self.gateways[-1]

    def start(self, extra=""):
        lines = "".join(
            f"  - {{name: g{n}, tcp: '127.0.0.1:{g.port}'}}\n" for n, g in enumerate(self.gateways)
        )
        return self.site.start(f"{SETTINGS}{extra}gateways:\n{lines}")

    def restart(self):
        """Kill the daemon as a power cut would, and start it again."""
        daemon = self.site.daemons[-1]
        daemon.kill()
        daemon.wait()
        self.start()

    def store(self, type, version, data):
        image = make_image(data)
        for gateway in self.gateways:
            for node in gateway.nodes.values():
                node.whole_images.append(image.data)
        connection = connect(self.site.path)
        connection.execute("begin immediate")
        number = connection.execute(
            """insert into firmware (name, type, version, blocks, crc, sha256, filename, size, uploaded_at)
            values (?, ?, ?, ?, ?, ?, 'x.hex', ?, ?)""",
            (
                f"{type}/{version}",
                type,
                version,
                image.blocks,
                image.crc,
                image.sha256,
                image.size,
                format_utc(time.time()),
            ),
        ).lastrowid
        connection.execute("insert into firmware_images values (?, ?)", (number, image.data))
        connection.commit()
        connection.close()
        return number, type, version, image.data

    def schedule(self, node, firmware, released=True, **columns):
        now = format_utc(time.time())
        keys = {
            "node": node,
            "firmware": firmware[0],
            "type": firmware[1],
            "version": firmware[2],
            "requested_at": now,
            "released_at": now if released else None,
            **columns,
        }
        sql = f"insert into ota_updates ({', '.join(keys)}) values ({', '.join('?' * len(keys))})"
        return self.site.execute(sql, *keys.values())

    def state(self, number):
        return self.site.column("select state from ota_updates where id = ?", number)[0]

    def wait(self, number, *states, seconds=LIMIT_S):
        marks = ", ".join("?" * len(states))
        sql = f"select state, reason, block from ota_updates where id = ? and state in ({marks})"
        try:
            return self.site.wait(sql, number, *states, seconds=seconds)[0]
        except AssertionError as error:
            rows = self.site.rows("select id, state, reason, block, blocks, repeats from ota_updates")
            raise AssertionError(f"{rows}\n{self.site.log()[-3000:]}") from error

    def heard(self, *nodes):
        for node in nodes:
            self.site.wait(
                "select 1 from nodes where id = ? and last_seen_at is not null", node, seconds=LIMIT_S
            )

    def check(self, node, data):
        assert installed(node)[: len(data)] == data
        assert not node.broken_starts
        assert node.intruders == []


@pytest.fixture
def field(site):
    field = Field(site)
    yield field
    for gateway in field.gateways:
        gateway.close()


def test_every_kind_of_node_with_losses_is_updated_across_kills_and_cuts(field):
    """Four gateways at once; the daemon is killed in mid-transfer, then one gateway is cut off."""
    kinds = [
        bootloader(7),
        library(7),
        library(7, protocol=(3, 1)),
        library(7, block_size=8, sleep=Sleep(0.5, 3)),
    ]
    for seed, node in enumerate(kinds):
        field.gateway(node, loss=0.05 if seed else 0.1, seed=seed, latency_s=0.02)
    field.start()
    field.heard(*(256 * n + 7 for n in range(4)))
    firmware = field.store(10, 3, pattern(600, 5))
    ids = [field.schedule(256 * n + 7, firmware) for n in range(4)]
    field.wait(ids[0], "transferring")
    field.restart()
    field.wait(ids[1], "transferring", "verifying", "confirmed")
    field.gateways[1].cut()
    time.sleep(2)
    field.gateways[1].mend()
    for number in ids:
        assert field.wait(number, "confirmed", "failed")[0] == "confirmed"
    for node in kinds:
        field.check(node, firmware[3])
    assert field.site.rows("select node, event from events where event like 'OTA%' order by node") == [
        (256 * n + 7, "OTA_CONFIRMED") for n in range(4)
    ]
    reported = field.site.rows("select node, type, version, crc from node_firmware order by node")
    assert reported == [(256 * n + 7, 10, 3, crc16(firmware[3])) for n in range(4)]


def test_two_nodes_at_once_a_replaced_update_and_a_node_that_never_scheduled_anything(field, wait_for):
    one, two, bystander = bootloader(1), library(2), bootloader(3)
    gateway = field.gateway(one, two, bystander, latency_s=0.02)
    field.start("")
    field.heard(1, 2, 3)
    first, second = field.store(10, 3, pattern(1000, 5)), field.store(10, 4, pattern(900, 9))
    old = field.schedule(1, first)
    other = field.schedule(2, first)
    field.wait(old, "transferring")
    field.site.execute("insert into outbox (node, \"order\") values (1, 'presentation')")
    assert field.state(other) == "requested"  # one transfer at a time
    new = field.schedule(1, second)
    assert "replaced by an update to 10/4" in field.wait(old, "cancelled")[1]
    gateway.reset(bystander)
    assert field.wait(new, "confirmed", "failed")[0] == "confirmed"
    assert field.wait(other, "confirmed", "failed")[0] == "confirmed"
    field.check(one, second[3])
    field.check(two, first[3])
    field.check(bystander, OLD)
    wait_for(lambda: len(bystander.starts) == 2, timeout=LIMIT_S)
    field.site.wait("select 1 from outbox where state in ('echoed', 'sent')", seconds=LIMIT_S)
    requests = [line for line in gateway.received if line[0] == 3 and line[1] == 4]
    answers = [line for line in gateway.sent if line[0] == 3 and line[1] == 4]
    assert len(requests) >= 2 and set(requests) == {(3, 4, 0)}
    assert answers == [(3, 4, 1)] * len(requests)  # each request of the bystander was answered, once


def test_a_rollout_proves_one_node_first_and_stops_when_it_fails(field):
    nodes = [library(1), library(2), library(3, obeys_reboot=False)]
    field.gateway(*nodes, latency_s=0.002)
    field.start()
    field.heard(1, 2, 3)
    good = field.store(10, 3, pattern(200, 5))
    ids = [field.schedule(node, good, released=False, rollout=1) for node in (1, 2)]
    assert ids[0] == 1
    field.site.wait("select 1 from ota_updates where id = ? and reason like '%to be confirmed%'", ids[1])
    assert field.wait(ids[1], "confirmed", "failed")[0] == "confirmed"
    times = field.site.rows("select finished_at, released_at from ota_updates order by id")
    assert times[0][0] < times[1][1]
    too_big = field.store(10, 4, pattern(1913 * 16, 5))
    field.site.execute("update node_firmware set bootloader = 769 where node = 1")
    third = [
        field.schedule(1, too_big, released=False, rollout=3),
        field.schedule(2, too_big, released=False, rollout=3),
    ]
    field.site.execute(
        "update ota_updates set state = 'failed', reason = 'tried', released_at = 'x' where id = ?", third[0]
    )
    assert "rollout stopped" in field.wait(third[1], "cancelled")[1]


def test_scheduling_and_cancelling(field):
    node = library(9)
    field.gateway(node)
    field.start()
    field.heard(9)
    firmware = field.store(10, 3, pattern(200, 5))
    number = field.schedule(20, firmware)  # nobody is there
    field.wait(number, "requested")
    field.site.wait("select 1 from ota_updates where id = ? and reason like 'waiting for the node%'", number)
    field.site.execute("update ota_updates set cancel_by = 'owner', cancel_at = 'now' where id = ?", number)
    assert field.wait(number, "cancelled")[1] == "cancelled by owner"
    assert field.site.rows("select 1 from events where event like 'OTA%'") == []


def order_command(field, node, command, value=0):
    return field.site.execute(
        "insert into ota_commands (node, command, value, requested_at) values (?, ?, ?, 'now')",
        node,
        command,
        value,
    )


def test_bootloader_commands_are_followed_until_the_node_is_heard_again(field):
    """Set the parent, set the id, erase; the daemon is killed between each command and what comes of it."""
    node = bootloader(5)
    field.gateway(node)
    field.start()
    field.heard(5)
    ends = "select state, new_node_id, reason from ota_commands where id = ? and state in ('done', 'failed')"
    seen = []
    for key, command, value in ((5, "set_parent", 7), (5, "set_node_id", 99), (99, "erase_eeprom", 0)):
        number = order_command(field, key, command, value)
        field.site.wait(
            "select 1 from ota_commands where id = ? and (sent_at is not null or state = 'failed')",
            number,
            seconds=LIMIT_S,
        )
        if command != "set_node_id":
            field.restart()
        seen += field.site.wait(ends, number, seconds=LIMIT_S)
        assert node.running or field.site.wait("select 1 from nodes where last_seen_at is not null")
    new_id = node.node_id
    assert seen == [
        ("done", 5, "came back under id 5 with parent 7"),
        ("done", 99, "came back under id 99"),
        ("done", new_id, f"came back under id {new_id}"),
    ]
    assert new_id not in (5, 99, 255) and node.parent == 0 and node.intruders == []
    field.heard(new_id)


def test_a_node_with_no_whole_image_gets_the_stored_one_or_raises_attention(field):
    known, unknown = bootloader(5), bootloader(6)
    for node, type in ((known, 10), (unknown, 11)):
        node.config = [type, 3, 0, 0]
        node.flash[:256] = bytes(256)
    field.gateway(known, unknown)
    firmware = field.store(10, 3, pattern(300, 5))
    field.start()
    field.site.wait(
        "select 1 from ota_updates where node = 5 and requested_by = 'voltkeeper'", seconds=LIMIT_S
    )
    field.site.wait("select 1 from ota_updates where node = 5 and state = 'confirmed'", seconds=LIMIT_S)
    assert installed(known)[: len(firmware[3])] == firmware[3]
    rows = field.site.rows("select subject, text from attention where text like '%no valid image%'")
    assert [text for _, text in rows] == [
        "the node reports no valid image (type 11, version 3): schedule an update"
    ]
    assert field.site.column("select requested_at = released_at from ota_updates") == [1]


def test_a_gateway_that_is_listened_to_takes_no_update(field):
    node = library(7)
    gateway = field.gateway(node)
    field.site.start(
        f"{SETTINGS}gateways: [{{name: g0, tcp: '127.0.0.1:{gateway.port}', controller: false}}]\n"
    )
    field.site.wait("select 1 from ingest_status where state = 'connected'", seconds=LIMIT_S)
    gateway.reset(node)
    field.heard(7)
    number = field.schedule(7, field.store(10, 3, pattern(200, 5)))
    assert "controller: false" in field.wait(number, "failed")[1]
    assert gateway.sent == []
    assert field.site.rows("select type, bootloader from node_firmware") == [(65535, 3)]


def test_what_cannot_be_read_is_rejected_and_everything_is_answered_in_order(site, tiny):
    def play():
        tiny.connected()
        config = "7;255;4;0;0;0A0003002000D7950300"
        tiny.say(config, config, "7;255;4;0;2;0A00", "7;0;4;0;0;XYZ", config)
        answers = tiny.wait("7;255;4;0;1;.*", 3)
        site.wait(
            "select 1 from rejects where raw = '7;255;4;0;2;0A00' and reason like 'block request of 2 bytes%'"
        )
        site.wait("select 1 from rejects where raw = '7;0;4;0;0;XYZ'")  # each as it was sent
        return answers

    assert site.live(site.config({"tcp": tiny.address}), play) == ["7;255;4;0;1;0A0003002000D795"] * 3


def test_nothing_waits_for_the_disk(site, tiny):
    """The file is locked by another program; answers come all the same, before anything of them is stored."""
    requests = "select count(*) from messages where node_id = 7"

    def play():
        tiny.connected()
        tiny.say("7;255;4;0;0;0A0003002000D7950300")
        tiny.wait("7;255;4;0;1;.*")
        site.wait("select 1 from node_firmware")
        connection = connect(site.path)
        connection.execute("begin immediate")
        for count in range(2, 12):
            tiny.say("8;1;1;0;0;20.5", "7;255;4;0;0;0A0003002000D7950300")
            tiny.wait("7;255;4;0;1;.*", count)
        stored = site.column(requests)
        connection.rollback()
        connection.close()
        site.wait(f"{requests} having count(*) = 11")
        return stored

    assert site.live(site.config({"tcp": tiny.address}), play) == [1]
