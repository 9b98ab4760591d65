"""Messages by the half hour, counted by id."""

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from reporting.radio_traffic import DAY_S, STEP_S, STEPS, read_traffic
from tests.helpers.new_database import new_database

NOW = 1_790_000_000 // STEP_S * STEP_S + 600.0
LAST = NOW - 600


@pytest.fixture
def messages(tmp_path):
    """A database with a message every 100 s for 30 h, and an answer to the keepalive beside each."""
    connection = connect(new_database(tmp_path / "house.db"))
    connection.execute("insert into gateways (id, name, address) values (0, 'main', 'x')")
    connection.executemany(
        "insert into nodes (id, name, gateway, node_id) values (?, 'x', 0, ?)", [(0, 0), (5, 5)]
    )
    rows = []
    for number in range(int(30 * 3600 / 100)):
        at = format_utc(NOW - 30 * 3600 + 100 * number)
        rows += [(at, 5, 5, 1, 0), (at, 0, 0, 3, 22)]
    connection.executemany(
        """insert into messages
        (received_at, gateway, node, node_id, child_id, command, echo, type, type_name, payload)
        values (?, 0, ?, ?, 1, ?, 0, ?, 'x', '')""",
        rows,
    )
    yield connection
    connection.close()


def test_each_half_hour_counts_its_messages_without_the_keepalive(messages):
    known = {LAST - 2 * DAY_S: 7}
    found = read_traffic(messages, NOW, known)
    assert [half.start for half in found] == [LAST - STEP_S * back for back in reversed(range(STEPS))]
    assert [half.messages for half in found] == [18] * (STEPS - 1) + [6]
    counted = messages.execute(
        "select count(*) from messages where node = 5 and received_at >= ?", (format_utc(found[0].start),)
    ).fetchone()[0]
    assert counted == sum(half.messages for half in found)
    assert LAST not in known and len(known) == STEPS - 1, "the half hour that is not over is counted again"


def test_half_hours_that_are_over_are_not_counted_again(messages):
    known = {}
    read_traffic(messages, NOW, known)
    messages.execute("delete from messages where received_at < ?", (format_utc(LAST),))
    assert [half.messages for half in read_traffic(messages, NOW, known)] == [18] * (STEPS - 1) + [6]
    later = read_traffic(messages, NOW + 2 * STEP_S, known)
    assert [half.messages for half in later[-4:]] == [18, 6, 0, 0]


def test_messages_that_are_stored_late_are_counted(messages):
    known, noon = {}, LAST - 20 * STEP_S
    late = format_utc(noon)
    messages.execute("create table late as select * from messages where received_at >= ?", (late,))
    messages.execute("delete from messages where received_at >= ?", (late,))
    assert [half.messages for half in read_traffic(messages, NOW, known)][-21:] == [0] * 21
    messages.execute("insert into messages select * from late")
    assert [half.messages for half in read_traffic(messages, NOW, known)][-21:] == [18] * 20 + [6]


def test_what_could_not_be_counted_in_time_is_not_zero(messages):
    known = {}
    left = [400]

    def look():
        left[0] -= 1
        return left[0] < 0

    messages.set_progress_handler(look, 100)
    found = read_traffic(messages, NOW, known)
    counts = [half.messages for half in found]
    assert counts[0] is None and counts[-1] == 6
    messages.set_progress_handler(None, 100)
    assert read_traffic(messages, NOW, known)[0].messages == 18


def test_without_messages_there_are_none(tmp_path):
    connection = connect(new_database(tmp_path / "house.db"))
    assert {half.messages for half in read_traffic(connection, NOW, {})} == {0}
    connection.close()
