"""What is said of presentations and bursts names the right cause, live and imported."""

import pytest

from ingest.db.connection import connect, transaction
from ingest.mysensors.anomalies import is_traffic
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.presentations import RESTARTED
from ingest.mysensors.protocol import Header
from ingest.mysensors.records import PresentationRequested, ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store
from tests.helpers.new_database import new_database
from tests.ingest.transfer.import_site import ImportSite

START = 1_800_000_000.0
TWO = "two nodes use id 3: CO2 and Thermo"


def sketch(name, *children, library="2.3.2", node=3):
    """The lines of a node that starts."""
    return [
        f"{node};255;0;0;17;{library}",
        f"{node};255;3;0;6;0",
        *([f"{node};255;3;0;11;{name}", f"{node};255;3;0;12;1.0"] if name else []),
        *(f"{node};{child};0;0;{type};" for child, type in children),
    ]


CO2, THERMO = sketch("CO2", (1, 22)), sketch("Thermo", (2, 6))


class Feed:
    """A Store that takes lines at seconds after START."""

    def __init__(self, path):
        new_database(path)
        self.connection = connect(path)
        number_gateways(self.connection, [("main", "tcp here:5003")])
        self.store = Store(self.connection, "UTC")

    def __call__(self, after, *lines):
        data = "".join(line + "\n" for line in lines).encode()
        messages, rejects = LineDecoder().decode_block(data)
        self.store.absorb(ReceivedBlock(0, "main", START + after, after, "same", messages, rejects))

    def commit(self):
        with transaction(self.connection):
            self.store.write(self.connection)
        self.store.committed()

    def reasons(self):
        self.commit()
        return [row[0] for row in self.connection.execute("select reason from oddities order by id")]


@pytest.fixture(params=[False, True], ids=["one commit", "a commit each"])
def feed(tmp_path, request):
    feed = Feed(tmp_path / "telemetry.db")

    def take(after, *lines):
        for line in lines:
            feed(after, line)
            if request.param:
                feed.commit()

    take.reasons, take.store = feed.reasons, feed.store
    yield take
    feed.connection.close()


def test_two_sketches_that_present_themselves_in_turn_are_two_nodes(feed):
    for turn in range(2):
        feed(1000 * turn, *CO2)
        feed(1000 * turn + 500, *THERMO)
    changed, *others = feed.reasons()
    assert changed.startswith("presents itself as Thermo, before it was CO2: another sketch, or a ")
    assert others == [TWO, TWO]


def test_children_of_both_sketches_in_turn_are_two_nodes(feed):
    feed(0, *CO2)
    feed(500, *THERMO)
    for minute in range(10, 20):
        feed(60 * minute, "3;1;1;0;37;800", "3;2;1;0;0;20.5")
    assert feed.reasons()[1:] == [TWO]


def test_a_new_sketch_whose_old_children_are_silent_is_one_node(feed):
    feed(0, *CO2, "3;1;1;0;37;800")
    feed(500, *THERMO)
    for minute in range(10, 20):
        feed(60 * minute, "3;2;1;0;0;20.5", "3;9;1;0;38;3.1")
    (reason,) = feed.reasons()
    assert "another sketch" in reason


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (sketch("", library="2.3.2"), sketch("", library="2.1.1"), "library 2.1.1 and library 2.3.2"),
        (sketch("", (1, 6)), sketch("", (1, 24)), "child 1 as S_DUST and child 1 as S_TEMP"),
    ],
)
def test_nodes_without_a_name_are_told_apart_by_the_rest(feed, one, other, said):
    for turn in range(2):
        feed(1000 * turn, *one)
        feed(1000 * turn + 500, *other)
    assert f"two nodes use id 3: {said}" in feed.reasons()


def test_a_restart_is_a_restart(feed):
    feed(0, *CO2)
    feed(1000, *CO2)
    assert feed.reasons() == [RESTARTED]


def test_sketches_that_change_back_after_days_are_one_node(feed):
    feed(0, *CO2)
    feed(100_000, *THERMO)
    feed(200_000, *CO2)
    assert all("another sketch" in reason for reason in feed.reasons())


def test_what_was_ordered_here_is_expected(feed):
    feed(0, *CO2)
    feed.store.absorb(PresentationRequested(3, 1000.0))
    feed(1200, *CO2)
    assert feed.reasons() == []
    feed(1210, *CO2)
    assert feed.reasons() == [RESTARTED]


def test_new_firmware_may_be_another_sketch(feed):
    feed(0, *CO2)
    for block in range(40):
        feed(1000 + block, f"3;255;4;0;2;01000100{block:02X}00")
    feed(1100, *THERMO)
    feed(1101, "3;1;1;0;37;800", "3;2;1;0;0;20.5", "3;1;1;0;37;800")
    assert feed.reasons() == []


def test_a_boot_loader_that_asks_for_firmware_and_gets_none_has_restarted(feed):
    feed(0, *CO2)
    feed(1000, "3;255;4;0;0;01000200B00626E80300", *CO2)
    assert feed.reasons() == [RESTARTED]


def test_nodes_that_start_with_their_gateway_are_expected_once(feed):
    feed(0, *CO2, *sketch("Door", (1, 0), node=4))
    feed(1000, "0;255;3;0;14;Gateway startup complete.", "0;255;0;0;18;2.3.2", *CO2)
    feed(1100, *sketch("Door", (1, 0), node=4))
    assert feed.reasons() == []
    feed(1110, *CO2)
    assert feed.reasons() == [RESTARTED]


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("0;255;3;0;9;123 TSF:MSG:READ,12-12-0,s=1", False),
        ("12;255;3;0;9;debug of a node", False),
        ("12;255;3;0;28;1", False),
        ("0;255;3;0;2;2.3.2", False),
        ("12;1;0;0;6;", False),
        ("12;1;1;1;2;1", False),
        ("12;255;4;0;2;010001000100", False),
        ("12;1;1;0;0;1", True),
        ("12;1;2;0;0;", True),
        ("12;255;3;0;22;1", True),
        ("12;255;3;0;6;0", True),
    ],
)
def test_what_can_be_a_burst(feed, line, counts):
    assert is_traffic(Header(*map(int, line.split(";")[:5]))) == counts
    for second in range(3):
        feed(second, *[line] * 40)
    assert any("burst" in reason for reason in feed.reasons()) == counts


@pytest.mark.parametrize(
    ("type", "text", "is_odd"),
    [
        (4, "101325", False),  # Pa
        (4, "101.3", False),  # kPa
        (4, "1013.25", False),
        (4, "760", False),  # mmHg
        (4, "29.92", False),  # inHg
        (4, "2.4", False),  # bar of a water pipe
        (4, "-1", True),
        (4, "1013250", True),
        (1, "100.4", False),
        (1, "104.9", False),
        (1, "-0.6", False),
        (1, "-999", True),
        (1, "255", True),
        (3, "100", False),
        (3, "101", True),
        (10, "360", False),
        (10, "400", True),
        (51, "14.5", True),
    ],
)
def test_what_a_quantity_can_be(feed, type, text, is_odd):
    feed(0, f"3;1;1;0;{type};{text}")
    assert bool(feed.reasons()) == is_odd


@pytest.mark.parametrize("type", [3, 8, 9, 10, 11, 12, 13, 14, 17, 23, 34, 37, 39, 54, 55, 56])
def test_what_jumps_by_nature_is_not_far_outside_its_range(feed, type):
    for second in range(40):
        feed(second, f"3;1;1;0;{type};0")
    feed(50, f"3;1;1;0;{type};48")
    assert feed.reasons() == []


def test_an_import_says_the_same(tmp_path):
    rows = ["received_at,node_id,child_id,command,type,payload"]
    for turn in range(2):
        for after, lines in ((1000 * turn, CO2), (1000 * turn + 500, THERMO)):
            for line in lines:
                node, child, command, _, type, payload = line.split(";")
                rows.append(f"{START + after - 1e8:.0f},{node},{child},{command},{type},{payload}")
    rows.append(f"{START + 2000 - 1e8:.0f},3,2,set,43,\xb0C")
    (tmp_path / "old.csv").write_text("\n".join(rows) + "\n", encoding="latin-1")
    site = ImportSite(tmp_path / "site")
    site.take(tmp_path / "old.csv")
    assert site.rows("select payload, raw from messages where raw is not null") == [("°C", b"\xb0C")]
    changed, *others, unreadable = [row[0] for row in site.rows("select reason from oddities order by id")]
    assert "another sketch" in changed
    assert others == [TWO, TWO]
    assert "Latin-1" in unreadable


def test_two_copies_of_a_sketch_are_two_nodes_by_their_heartbeats(feed):
    for hour in range(1, 4):
        feed(3600 * hour, f"3;255;3;0;22;{3_600_000 * hour}")
        feed(3600 * hour + 60, f"3;255;3;0;22;{3_600_000 * hour - 3_500_000}")
        feed(3600 * hour + 90, f"4;255;3;0;22;{3_600_000 * hour}")
    assert feed.reasons().count("two nodes use id 3: their heartbeats count from different starts") == 1
