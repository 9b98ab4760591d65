"""What a running import means for who else writes: the ids that it holds, and that it has written."""

# The ids that an entry of `imports` holds belong to rows of these tables; its column `numbers` says which.
NUMBERED = {"messages": ("messages", "readings", "battery_levels"), "ups_samples": ("ups_samples",)}
HOLDERS = {table: numbers for numbers, tables in NUMBERED.items() for table in tables}


def next_id(connection, table):
    """The id of the next row: behind all that are there, and behind those that an import has yet to write."""
    return connection.execute(
        f"select 1 + max(coalesce((select max(id) from {table}), 0), "
        "coalesce((select max(last_id) from imports where numbers = ?), 0))",
        (HOLDERS[table],),
    ).fetchone()[0]


def imports_seen(connection):
    """A value that changes with every commit of an import."""
    return connection.execute("select seq from changes where topic = 'imports'").fetchone()
