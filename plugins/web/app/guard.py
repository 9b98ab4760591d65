"""Access to every path: headers that the layers below trip over, the right to read, what a browser may load.

`allow:` in metadata covers neither plugin routes nor pages, so reading is decided here, for every path.
"""

import re
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from datasette import Response
from itsdangerous import BadSignature
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.auth.permissions import SIGN_IN, Actor, has_right, known_cookie, known_token
from plugins.web.auth.sign_in import address_key
from plugins.web.endpoint import takes_post
from plugins.web.responses import json_errors
from plugins.web.site import Site

OPEN = re.compile(r"/-/log(in|out)|/favicon\.ico|/(-/static|-/static-plugins|static)/[^%]*")
CLOSED = {
    "/-/password-tool": "`voltkeeper hash-password` makes password hashes",
    "/-/auth-token": "people sign in at /-/login",
}
METHODS = ("GET", "HEAD", "OPTIONS", "POST")
STRICT = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# Datasette's own pages carry inline scripts, the charts of datasette-vega compile theirs.
NATIVE = STRICT + "; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"


def guard(app: ASGIApp, site: Site) -> ASGIApp:
    """Answer what goes no further, and add headers to every response."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        scope = {**scope, "headers": list(scope["headers"])}
        send = _with_headers(send, scope["path"])
        answer = _refuse(site, scope)
        if answer is not None:
            await answer.asgi_send(send)
        else:
            await app(scope, receive, send)

    return guarded


def _refuse(site: Site, scope: Scope) -> Response | None:
    """The response to what goes no further, else None. Cleans the headers of `scope`."""
    _clean_token_header(scope)
    actor = _cookie_actor(site, scope)
    try:
        actor = _bearer_actor(site, scope) or actor
    except PermissionError as error:
        return json_errors(401, str(error), headers={"www-authenticate": "Bearer"})
    path = scope["path"]
    is_open = OPEN.fullmatch(path) and OPEN.fullmatch(_raw_path(scope))
    if not is_open and not has_right(site, actor, "read"):
        return _to_sign_in(scope)
    if path in CLOSED:
        return json_errors(404, f"There is no {path}: {CLOSED[path]}")
    if scope["method"] not in METHODS or (scope["method"] == "POST" and not takes_post(path)):
        return json_errors(405, f"{path} does not take {scope['method']}", headers={"allow": "GET, HEAD"})
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


def _bearer_actor(site: Site, scope: Scope) -> Actor:
    """The actor of a bearer token. Other schemes are taken off. Raises PermissionError for a wrong token."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    scheme, _, token = (values[-1] if values else b"").strip().partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    throttle, key = site.accounts.throttle, f"token {address_key(scope)}"
    if throttle.wait_s(key) > 0:
        raise PermissionError("Too many wrong bearer tokens, wait a minute")
    name = known_token(site, token.strip())
    if name is None:
        throttle.add_failure(key)
        raise PermissionError("This bearer token is not known")
    throttle.clear(key)
    scope["headers"].append((b"authorization", b"Bearer " + token.strip()))
    return {"id": name}


def _cookie_actor(site: Site, scope: Scope) -> Actor:
    """The actor of the cookie. A cookie that is not good any more is taken off the request."""
    values = [value for name, value in scope["headers"] if name == b"cookie"]
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(b"; ".join(values).decode("utf-8"))
    except (CookieError, UnicodeDecodeError):
        scope["headers"] = others
        return None
    if "ds_actor" not in jar:
        return None
    with suppress(BadSignature, KeyError, TypeError):
        actor: Actor = site.unsign(jar["ds_actor"].value, "actor")["a"]
        if known_cookie(site, actor):
            return actor
    del jar["ds_actor"]
    rest = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())
    scope["headers"] = others + ([(b"cookie", rest.encode())] if rest else [])
    return None


def _with_headers(send: Send, path: str) -> Send:
    """Add what keeps a browser from loading or framing what it should not."""
    policy = NATIVE if path == "/telemetry" or path.startswith(("/telemetry/", "/telemetry.")) else STRICT
    extra = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    ]

    async def inner(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return inner
