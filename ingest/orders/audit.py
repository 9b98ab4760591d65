"""The audit: a row for each thing that was ordered or changed, and for what was refused."""

import sqlite3
import time
from collections.abc import Iterable

from ingest.db.time import format_utc

REPEATED_S = 3600  # within which a refusal that repeats is counted in its row
MOST_REFUSALS = 30  # rows of refusals of one user in that time; further ones are counted in one row
OTHER_REFUSALS = "refused: further requests, which the log lists"
LATEST = "select id, action, subject, outcome from audit where id > (select max(id) from audit) - 500"


def audit(
    connection: sqlite3.Connection, actor: str | None, action: str, subject: str, detail: str, outcome: str
) -> None:
    """Insert a row of `audit`. `actor` is None for a name that is not in the config."""
    connection.execute(
        "insert into audit (actor, action, subject, detail, outcome) values (?, ?, ?, ?, ?)",
        (actor, action, subject, detail, outcome),
    )


def note_refusal(
    connection: sqlite3.Connection,
    actor: str | None,
    action: str,
    subject: str = "",
    detail: str = "",
    *,
    outcome: str,
) -> None:
    """Insert a row of `audit` for what was refused, or count it in the row of one like it."""
    since = format_utc(time.time() - REPEATED_S)
    latest = connection.execute(
        f"{LATEST} and actor is ? and outcome like 'refused%' and at >= ?", (actor, since)
    ).fetchall()
    row = _find_refusal(latest, action, subject, outcome)
    if row is None and len(latest) >= MOST_REFUSALS:
        action, subject, detail, outcome = "any", "", "", OTHER_REFUSALS
        row = _find_refusal(latest, action, subject, outcome)
    if row is not None:
        connection.execute(
            "update audit set count = count + 1, last_at = ? where id = ?",
            (format_utc(time.time()), row),
        )
    else:
        audit(connection, actor, action, subject, detail, outcome)


def _find_refusal(
    rows: Iterable[tuple[int, str, str, str]], action: str, subject: str, outcome: str
) -> int | None:
    """The id of the row of such a refusal."""
    return next((row[0] for row in rows if tuple(row[1:]) == (action, subject, outcome)), None)
