"""Deleting in chunks: the file shrinks as it goes on, and what goes wrong leaves no transaction open."""

import sqlite3

import pytest

from ingest.db.connection import connect
from ingest.maintenance.batches import MOST, SPARE, Pace, Stopped, open_paced
from ingest.schema.migrate import migrate

ROWS, PAYLOAD = 40_000, "x" * 200


@pytest.fixture
def paced(tmp_path):
    """A connection for deleting to a file of which `filler` fills some 10,000 pages."""
    path = tmp_path / "house.db"
    migrate(path)
    connection = connect(path)
    connection.execute("create table filler (id integer primary key, payload text)")
    connection.executescript(f"""with recursive n(i) as (select 1 union all select i + 1 from n where i < {ROWS})
        insert into filler select i, '{PAYLOAD}' from n""")
    connection.close()
    connection = open_paced(path)
    yield connection
    connection.close()


def value(connection, sql):
    return connection.execute(sql).fetchone()[0]


def delete_all(pace, seen):
    """Delete the filler, oldest first; `seen` gets (free pages, pages) before each chunk."""

    def chunk(size):
        seen.append(
            (value(pace.connection, "pragma freelist_count"), value(pace.connection, "pragma page_count"))
        )
        delete = "delete from filler where id in (select id from filler order by id limit ?)"
        return pace.locked(lambda: pace.connection.execute(delete, (size,)).rowcount) or None

    pace.run(chunk)


def test_free_pages_go_back_while_deleting_goes_on(paced):
    seen = []
    pages = value(paced, "pragma page_count")
    delete_all(Pace(paced), seen)
    assert len(seen) > ROWS / MOST and max(free for free, _ in seen) <= SPARE
    assert seen[-1][1] < pages / 10


def test_all_free_pages_go_back_in_the_end(paced):
    paced.execute("delete from filler where id > 100")
    free, pages = value(paced, "pragma freelist_count"), value(paced, "pragma page_count")
    pace = Pace(paced)
    assert free > 5000 and pace.give_back() == free
    assert value(paced, "pragma freelist_count") == 0 and value(paced, "pragma page_count") <= pages - free
    assert value(paced, "pragma integrity_check") == "ok" and 0 < pace.longest_s < 1


def test_giving_back_stops_when_it_is_told(paced):
    paced.execute("delete from filler")
    pace = Pace(paced)
    pace.stop.set()
    with pytest.raises(Stopped):
        pace.give_back()


def test_a_refusal_leaves_no_transaction_open(paced):
    paced.execute("delete from filler")
    paced.set_authorizer(
        lambda deed, name, *_: sqlite3.SQLITE_DENY if name == "incremental_vacuum" else sqlite3.SQLITE_OK
    )
    with pytest.raises(sqlite3.DatabaseError):
        Pace(paced).give_back()
    assert not paced.in_transaction
