"""Inserting many rows: in their order, and none of a transaction that holds one which the table refuses."""

import sqlite3

import pytest

from ingest.db.bulk_insert import STEPS, Insert, WaitingRows
from ingest.db.connection import connect, transaction
from ingest.db.reserved_ids import HOLDERS

INSERT = Insert("words", ["number", "word"])
ROWS = sum(STEPS) + STEPS[0]


@pytest.fixture
def connection(tmp_path):
    """A file with an empty table, of which no import holds ids."""
    connection = connect(tmp_path / "words.db")
    connection.execute("create table imports (numbers text, last_id integer)")
    connection.execute("create table words (id integer primary key, number integer, word text not null)")
    yield connection
    connection.close()


def flat(rows):
    return [value for row in rows for value in row]


def test_rows_are_stored_in_their_order(connection):
    rows = [(number, f"word {number}") for number in range(ROWS)]
    with transaction(connection):
        INSERT(connection, flat(rows))
    assert connection.execute("select number, word from words order by id").fetchall() == rows


def test_a_refused_row_takes_its_transaction_back(connection):
    rows = [(number, "" if number != ROWS - 1 else None) for number in range(ROWS)]
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        INSERT(connection, flat(rows))
    assert connection.execute("select count(*) from words").fetchone() == (0,)
    with transaction(connection):
        INSERT(connection, flat(rows[:-1]))
    assert connection.execute("select count(*) from words").fetchone() == (ROWS - 1,)


def test_rows_that_are_ahead_of_their_commit_are_inserted_once(connection, monkeypatch):
    monkeypatch.setitem(HOLDERS, "words", "words")
    rows = [(number, f"word {number}") for number in range(ROWS)]
    waiting = WaitingRows(INSERT)
    for attempt in ("taken back", "committed"):
        connection.execute("begin immediate")
        if attempt == "taken back":
            waiting.extend(flat(rows[: STEPS[0] + 1]))
            waiting.insert_ahead(connection)  # whole statements alone
            assert connection.execute("select count(*) from words").fetchone() == (STEPS[0],)
            waiting.extend(flat(rows[STEPS[0] + 1 :]))
        waiting.insert_ahead(connection)
        assert waiting.insert_rest(connection) == 1
        assert connection.execute("select id - 1, word from words order by id").fetchall() == rows
        connection.rollback()
        waiting.taken_back()
    assert WaitingRows(INSERT).insert_rest(connection) is None
