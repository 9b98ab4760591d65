"""What people have deleted, as ingest sees it: rows of `deletions` (`ingest/deletion.py`) that are done."""


def last_deletion(connection):
    """The number of the newest one: what is read from the file after it knows of it."""
    return connection.execute("select coalesce(max(id), 0) from deletions where state = 'done'").fetchone()[0]


def read_deletions(connection, last):
    """(number, node, child) of each that came after `last`; child is None where the whole node went."""
    for number, kind, key in connection.execute(
        "select id, kind, key from deletions where id > ? and state = 'done' and kind in ('node', 'sensor') order by id",
        (last,),
    ).fetchall():
        yield (number, key, None) if kind == "node" else (number, key // 256, key % 256)
