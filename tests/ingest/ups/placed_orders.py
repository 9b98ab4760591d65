"""Orders to UPSes as the site places them, and their rows, for the tests of a whole ingest process."""

import sqlite3
import time

from tests.ingest.nut.lab import WAIT_S, until


def order(ingest, command=None, variable=None, value=None, ups="rack@lab", by="owner", **columns):
    """Place an order as the site does; returns its id."""
    row = {"command": command, "variable": variable, "value": value, "created_by": by, **columns}
    connection = sqlite3.connect(ingest.database, timeout=15)
    try:
        number = connection.execute(
            f"insert into ups_orders (ups, {', '.join(row)}) "
            f"values ((select id from ups where name = ?), {', '.join('?' * len(row))})",
            (ups, *row.values()),
        ).lastrowid
        connection.commit()
    finally:
        connection.close()
    return number


def row(ingest, number):
    return ingest.rows("select * from ups_orders where id = ?", number)[0]


def ended(ingest, number, seconds=WAIT_S):
    """The row, once it has come to an end."""
    found = until(lambda: row(ingest, number), lambda row: row["done_at"], seconds)
    assert found["done_at"], (found, ingest.log.read_text()[-3000:])
    return found


def soon(seconds):
    """The text of a time from now."""
    now = time.time() + seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
