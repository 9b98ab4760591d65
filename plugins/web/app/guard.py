"""Access to every path: headers that the layers below trip over, the right to read.

`allow:` in metadata covers neither plugin routes nor pages, so reading is decided here, for every path.
"""

import asyncio
import logging
import re
import sqlite3
from urllib.parse import quote

from datasette import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.orders.outcome import RefusedError
from plugins.web.auth.identify import UnknownTokenError, identify
from plugins.web.auth.origin import check_origin
from plugins.web.auth.permissions import SIGN_IN, SIGNED_IN, has_right
from plugins.web.auth.sign_in import address_key
from plugins.web.endpoint import takes_post
from plugins.web.identity import ANONYMOUS, KEY, Identity
from plugins.web.responses import json_errors
from plugins.web.site import Site
from plugins.web.table_guard import FOR_SIGNED_IN, readable

STATIC = re.compile(r"/favicon\.ico|/(-/static|-/static-plugins|static)/[^%]*")
OPEN = re.compile(rf"/-/log(in|out)|/manifest\.webmanifest|{STATIC.pattern}")
CLOSED = {
    "/-/password-tool": "`voltkeeper hash-password` makes password hashes",
    "/-/auth-token": "people sign in at /-/login",
}
# Addresses that show the machine: file paths, threads, versions. And the account of a user.
FOR_SIGNED_IN_USERS = re.compile(
    r"/-/(databases|threads|plugins|settings|versions|config)(\.json)?\s*|/-/account(/.*)?"
)
METHODS = ("GET", "HEAD", "OPTIONS", "POST")

log = logging.getLogger(__name__)


def guard(app: ASGIApp, site: Site) -> ASGIApp:
    """Answer what goes no further."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        scope = {**scope, "headers": list(scope["headers"])}
        try:
            identity = await _identify(site, scope)
            answer = _refuse(site, scope, identity)
        except RefusedError as error:
            answer = json_errors(error.status, *error.errors, headers=error.headers)
        if answer is not None:
            await answer.asgi_send(send)
            return
        scope[KEY] = identity
        token = readable.set(FOR_SIGNED_IN if identity.actor else frozenset())
        try:
            await app(scope, receive, send)
        finally:
            readable.reset(token)

    return guarded


async def _identify(site: Site, scope: Scope) -> Identity:
    """As whom the request comes. Raises RefusedError for a wrong token, and where sessions cannot be read."""
    _clean_token_header(scope)
    if _is_open(scope, STATIC):
        return ANONYMOUS
    try:
        return await identify(site, scope)
    except UnknownTokenError as error:
        throttle, key = site.accounts.throttle, f"token {address_key(scope)}"
        throttle.add_failure(key)
        await asyncio.sleep(throttle.slowed_s(key))  # a right token of this address waits for nothing
        raise RefusedError(401, str(error), headers={"www-authenticate": "Bearer"}) from None
    except sqlite3.Error as error:
        log.error("sessions cannot be read: %s", error)
        if _is_open(scope):
            return ANONYMOUS
        text = f"The database cannot be read ({error}), so it is not known who you are. Try again."
        raise RefusedError(503, text, headers={"retry-after": "5"}) from None


def _is_open(scope: Scope, pattern: re.Pattern[str] = OPEN) -> bool:
    return bool(pattern.fullmatch(scope["path"]) and pattern.fullmatch(_raw_path(scope)))


def _refuse(site: Site, scope: Scope, identity: Identity) -> Response | None:
    """The response to what goes no further, else None. Raises RefusedError for a form of another site."""
    path = scope["path"]
    needed = SIGNED_IN if FOR_SIGNED_IN_USERS.fullmatch(path) else "read"
    if not _is_open(scope) and not has_right(site, identity.actor, needed):
        return _to_sign_in(scope)
    if path in CLOSED:
        return json_errors(404, f"There is no {path}: {CLOSED[path]}")
    if scope["method"] not in METHODS or (scope["method"] == "POST" and not takes_post(path)):
        return json_errors(405, f"{path} does not take {scope['method']}", headers={"allow": "GET, HEAD"})
    if scope["method"] == "POST" and not identity.has_token:
        check_origin(scope)
    return None


def _raw_path(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    return raw.partition(b"?")[0].decode("latin-1") if raw else str(scope["path"])


def _to_sign_in(scope: Scope) -> Response:
    headers = dict(scope["headers"])
    if scope["method"] in ("GET", "HEAD") and b"text/html" in headers.get(b"accept", b""):
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"] + (f"?{query}" if query else ""), safe="")
        return Response.redirect(f"/-/login?next={wanted}")
    return json_errors(401, SIGN_IN)


def _clean_token_header(scope: Scope) -> None:
    """Drop a token header of other bytes than ASCII, which would end in a traceback."""
    scope["headers"] = [
        (name, value) for name, value in scope["headers"] if name != b"x-csrftoken" or value.isascii()
    ]
