"""Inserting many rows: in their order, and none of a transaction that holds one which the table refuses."""

import sqlite3

import pytest

from ingest.db.bulk_insert import STEPS, Insert
from ingest.db.connection import connect, transaction

INSERT = Insert("words", ["number", "word"])
ROWS = sum(STEPS) + STEPS[0]


@pytest.fixture
def connection(tmp_path):
    """A file with an empty table."""
    connection = connect(tmp_path / "words.db")
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
