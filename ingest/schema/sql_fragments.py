"""Pieces of SQL that tables and views share, and running a script of statements."""

from sqlite_utils import Database

LATE_S = 90  # a reader's heartbeat older than this: nothing reads the source
MONTH_DAYS = 30.44

NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
DAY_AGO = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day')"


def age(column: str) -> str:
    """SQL: whole seconds since the time in `column`; null where there is none, 0 where it lies ahead."""
    return f"max(0, cast(strftime('%s', 'now') as integer) - cast(strftime('%s', {column}) as integer))"


def seconds_between(start: str, end: str) -> str:
    """SQL: seconds from one time to another, to the millisecond."""
    return f"round((julianday({end}) - julianday({start})) * 86400, 3)"


def months_since(column: str) -> str:
    """SQL: months since the time in `column`, with two decimals."""
    return f"round((julianday('now') - julianday({column})) / {MONTH_DAYS}, 2)"


def run_script(db: Database, script: str) -> None:
    """Execute the statements one by one: executescript would commit the migration's transaction."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)
