"""Deleting in chunks: the file shrinks as it goes on, and what goes wrong leaves no transaction open."""

import sqlite3

import pytest

from ingest.db.batches import BatchLimits, BatchRunner, StoppedError, open_for_deleting
from ingest.db.connection import connect
from tests.helpers.new_database import new_database

LIMITS = BatchLimits(target_s=60, pause_factor=0)  # sizes that do not depend on the machine's load
ROWS, PAYLOAD = 40_000, "x" * 200


@pytest.fixture
def paced(tmp_path):
    """A connection for deleting to a file of which `filler` fills some 10,000 pages."""
    path = tmp_path / "house.db"
    new_database(path)
    connection = connect(path)
    connection.execute("create table filler (id integer primary key, payload text)")
    connection.executescript(f"""
        with recursive n(i) as (select 1 union all select i + 1 from n where i < {ROWS})
        insert into filler select i, '{PAYLOAD}' from n""")
    connection.close()
    connection = open_for_deleting(path)
    yield connection
    connection.close()


def value(connection, sql):
    return connection.execute(sql).fetchone()[0]


def delete_all(pace, seen):
    """Delete the filler, oldest first; `seen` gets (free pages, pages) before each chunk."""

    def delete_batch(size):
        seen.append(
            (value(pace.connection, "pragma freelist_count"), value(pace.connection, "pragma page_count"))
        )
        delete = "delete from filler where id in (select id from filler order by id limit ?)"
        return pace.locked(lambda: pace.connection.execute(delete, (size,)).rowcount > 0)

    pace.run(delete_batch)


def test_free_pages_go_back_while_deleting_goes_on(paced):
    seen = []
    pages = value(paced, "pragma page_count")
    delete_all(BatchRunner(paced, limits=LIMITS), seen)
    assert len(seen) > ROWS / LIMITS.most and max(free for free, _ in seen) <= LIMITS.spare_pages
    assert seen[-1][1] < pages / 10


def test_all_free_pages_go_back_in_the_end(paced):
    paced.execute("delete from filler where id > 100")
    free, pages = value(paced, "pragma freelist_count"), value(paced, "pragma page_count")
    pace = BatchRunner(paced, limits=LIMITS)
    assert free > 5000 and pace.incremental_vacuum() == free
    assert value(paced, "pragma freelist_count") == 0 and value(paced, "pragma page_count") <= pages - free
    assert value(paced, "pragma integrity_check") == "ok" and pace.longest_s > 0


def test_the_vacuum_stops_when_it_is_asked_to(paced):
    paced.execute("delete from filler")
    pace = BatchRunner(paced, limits=LIMITS)
    pace.stop.set()
    with pytest.raises(StoppedError):
        pace.incremental_vacuum()


def test_a_refusal_leaves_no_transaction_open(paced):
    paced.execute("delete from filler")
    paced.set_authorizer(
        lambda action, name, *_: sqlite3.SQLITE_DENY if name == "incremental_vacuum" else sqlite3.SQLITE_OK
    )
    with pytest.raises(sqlite3.DatabaseError):
        BatchRunner(paced, limits=LIMITS).incremental_vacuum()
    assert not paced.in_transaction
