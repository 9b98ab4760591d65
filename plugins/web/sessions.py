"""Sessions of signed-in users: rows of `sessions`, found by the hash of the secret in the cookie.

A session ends by signing out, after SESSION_DAYS, and with the password that it was made with.
"""

import hashlib
import hmac
import secrets
import sqlite3
import time
from collections.abc import Mapping
from typing import NamedTuple

from ingest.clock.belief import clock_is_believed
from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.db.time import format_utc, parse_utc

SESSION_DAYS = 90
DAY_S = 86_400
TOUCH_S = 600  # `last_used_at` is written this often at most
MOST = 50  # sessions of one user; one more ends the one that was used longest ago
MAX_USER_AGENT = 200  # characters
COLUMNS = "id, hash, actor, password_key, created_at, last_used_at, user_agent"


class Session(NamedTuple):
    """A row of `sessions`. `hash` is the SHA-256 of the secret that only the browser has."""

    id: int
    hash: str
    actor: str
    password_key: str
    created_at: str
    last_used_at: str
    user_agent: str


def hash_of(secret: str) -> str:
    """What is stored of the secret of a session: it is random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def find_session(
    connection: sqlite3.Connection, secret: str, keys: Mapping[str, str], clock: Clock = SYSTEM_CLOCK
) -> Session | None:
    """The session of a secret while it lasts. `keys` are name -> what goes with the password."""
    sql = f"select {COLUMNS} from sessions where hash = ?"
    row = connection.execute(sql, (hash_of(secret),)).fetchone()
    session = Session(*row) if row else None
    return session if session and _lasts(connection, session, keys, clock) else None


def sessions_of(connection: sqlite3.Connection, actor: str, keys: Mapping[str, str]) -> list[Session]:
    """The sessions of a user that last, the one that was used last first."""
    sql = f"select {COLUMNS} from sessions where actor = ? order by last_used_at desc, id desc"
    found = [Session(*row) for row in connection.execute(sql, (actor,))]
    return [session for session in found if _lasts(connection, session, keys)]


def _lasts(
    connection: sqlite3.Connection, session: Session, keys: Mapping[str, str], clock: Clock = SYSTEM_CLOCK
) -> bool:
    key = keys.get(session.actor)
    if key is None or not hmac.compare_digest(key, session.password_key):
        return False
    is_old = time.time() - parse_utc(session.created_at) >= SESSION_DAYS * DAY_S
    return not (is_old and clock_is_believed(connection, clock))


def save_session(connection: sqlite3.Connection, actor: str, keys: Mapping[str, str], user_agent: str) -> str:
    """Insert a session of this user and return its secret. Removes those that last no more."""
    ended = [
        row[0]
        for row in connection.execute(f"select {COLUMNS} from sessions").fetchall()
        if not _lasts(connection, Session(*row), keys)
    ]
    ended += [session.id for session in sessions_of(connection, actor, keys)[MOST - 1 :]]
    connection.executemany("delete from sessions where id = ?", [(id,) for id in ended])
    secret = secrets.token_urlsafe(32)
    connection.execute(
        "insert into sessions (hash, actor, password_key, user_agent) values (?, ?, ?, ?)",
        (hash_of(secret), actor, keys[actor], user_agent[:MAX_USER_AGENT]),
    )
    return secret


def end_sessions(connection: sqlite3.Connection, actor: str, id: int | None = None) -> int:
    """Delete a session of a user, or all of them; the number of those that there were."""
    sql = "delete from sessions where actor = ? and (? is null or id = ?)"
    return connection.execute(sql, (actor, id, id)).rowcount


def is_due(session: Session, now: float) -> bool:
    """Whether `last_used_at` is to be written: it is TOUCH_S old, or ahead of a clock that was set back."""
    return not 0 <= now - parse_utc(session.last_used_at) < TOUCH_S


def touch_session(connection: sqlite3.Connection, session: Session, now: float) -> None:
    """Write `last_used_at`."""
    connection.execute("update sessions set last_used_at = ? where id = ?", (format_utc(now), session.id))
