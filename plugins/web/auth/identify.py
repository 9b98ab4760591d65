"""Finds out as whom a request comes: by a bearer token, or by the session of its cookie."""

import sqlite3
import time
from http.cookies import CookieError, SimpleCookie

from datasette import Request
from starlette.types import Scope

from plugins.web.auth.permissions import known_token
from plugins.web.identity import ANONYMOUS, Identity
from plugins.web.query import DATABASE
from plugins.web.sessions import Session, find_session, is_due, touch_session
from plugins.web.site import Site
from plugins.web.table_guard import GuardedDatabase, open_tables

COOKIE = "ds_actor"  # Datasette's own name: its templates look whether it is there


class UnknownTokenError(Exception):
    """A bearer token that is none of this site."""


async def identify(site: Site, scope: Scope) -> Identity:
    """The identity of a request. Takes off its headers what is not good any more.

    Raises UnknownTokenError, and sqlite3.Error where sessions cannot be read.
    """
    name = _take_token(site, scope)
    secret = _cookie(scope)
    if name is not None:
        return Identity({"id": name})
    if not secret:
        return ANONYMOUS
    session = await read_session(site, secret)
    if session is None:
        _drop_cookie(scope)
        return ANONYMOUS
    return Identity({"id": session.actor}, session, site.accounts.csrf_token(session.hash))


def _take_token(site: Site, scope: Scope) -> str | None:
    """The name that goes with the bearer token. Other schemes are taken off. Raises UnknownTokenError."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    scheme, _, token = (values[-1] if values else b"").strip().partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    name = known_token(site, token.strip())
    if name is None:
        raise UnknownTokenError("This bearer token is not known")
    scope["headers"].append((b"authorization", b"Bearer " + token.strip()))
    return name


def _cookie(scope: Scope) -> str:
    """The secret of the session cookie, or ''. Cookies that cannot be read are taken off."""
    jar = _cookies(scope)
    if jar is None:
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        return ""
    return jar[COOKIE].value if COOKIE in jar else ""


def _cookies(scope: Scope) -> SimpleCookie | None:
    values = [value for name, value in scope["headers"] if name == b"cookie"]
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(b"; ".join(values).decode("utf-8"))
    except (CookieError, UnicodeDecodeError):
        return None
    return jar


def _drop_cookie(scope: Scope) -> None:
    jar = _cookies(scope) or SimpleCookie()
    del jar[COOKIE]
    rest = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    scope["headers"] = others + ([(b"cookie", rest.encode())] if rest else [])


async def read_session(site: Site, secret: str) -> Session | None:
    """The session of a secret while it lasts; when it was used last is written, without waiting for it."""
    database, keys = site.get_database(DATABASE), site.accounts.cookie_keys
    if not isinstance(database, GuardedDatabase):
        return None
    session: Session | None = await database.read_hidden(
        lambda connection: find_session(connection, secret, keys)
    )
    now, ticks = time.time(), time.monotonic()
    if session and is_due(session, now) and site.accounts.may_touch(session.hash, ticks):
        found = session

        def touch(connection: sqlite3.Connection) -> None:
            with open_tables(connection, "sessions"), connection:
                touch_session(connection, found, now)

        await database.execute_write_fn(touch, block=False)
    return session


def user_agent(request: Request) -> str:
    """What the browser calls itself, in printable ASCII (RFC 9110, 10.1.5)."""
    text: str = request.headers.get("user-agent") or ""
    return "".join(character for character in text if character.isascii() and character.isprintable())
