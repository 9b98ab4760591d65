"""Under which hour readings are added up while the clock is suspect."""

from contextlib import closing

import pytest

from ingest.clock.belief import assess_clock
from ingest.db.connection import connect, transaction
from ingest.db.time import parse_utc
from ingest.mysensors.framing import LineDecoder
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.store import Store
from tests.helpers.new_database import new_database
from tests.helpers.played_clock import PlayedClock

YEAR = 365 * 86_400


@pytest.fixture
def site(tmp_path):
    """(clock, a function that stores a reading and returns the hours of the file)."""
    new_database(tmp_path / "telemetry.db")
    with closing(connect(tmp_path / "telemetry.db")) as connection:
        number_gateways(connection, [("main", "tcp x:1")])
        store, clock = Store(connection, "UTC"), PlayedClock()
        witness = assess_clock(clock.read(), None).witness
        store.rolled.correction = lambda: assess_clock(clock.read(), witness).correction

        def hear():
            clock.advance(60)
            items, _ = LineDecoder().decode_block(b"12;1;1;0;0;20.5\n")
            store.absorb(ReceivedBlock(0, "main", clock.wall, clock.boottime, 1, items))
            with transaction(connection):
                store.write(connection)
            store.committed()
            hours = connection.execute("select hour_at, count from readings_hourly order by 1").fetchall()
            days = connection.execute(
                "select day, messages from node_daily where child_id is null"
            ).fetchall()
            assert connection.execute("select count(*) from readings").fetchone()[0] == hear.readings + 1
            hear.readings += 1
            return hours, days

        hear.readings = 0
        yield clock, hear


@pytest.mark.parametrize("leap", [4 * YEAR, -40 * YEAR, 5 * 3600])
def test_within_a_boot_figures_go_into_the_hour_that_it_is(site, leap):
    clock, hear = site
    hear()
    clock.set_by(leap)
    hear()
    clock.set_by(-leap)
    assert hear() == ([("2026-11-30T12:00:00.000Z", 3)], [("2026-11-30", 3)])


def test_after_a_boot_with_a_suspect_clock_nothing_is_added_up(site):
    clock, hear = site
    before = hear()
    clock.reboot(parse_utc("2030-01-01T00:00:00.000Z"))
    assert hear() == before
    clock.synchronized = True
    assert hear()[0] == [*before[0], ("2030-01-01T00:00:00.000Z", 1)]
