"""Signing in and out: passwords are checked off the event loop, one at a time.

`plugins.web.throttle` says what wrong ones slow down. An unknown name costs as much time as a known one, so
names cannot be probed.
"""

import asyncio
import ipaddress
import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from datasette import Request, Response
from starlette.types import Scope

from ingest.orders.audit import audit
from ingest.orders.outcome import RefusedError
from plugins.web.auth.devices import COOKIE_DAYS, device_cookie, known_device
from plugins.web.auth.identify import COOKIE, user_agent
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields, read_form
from plugins.web.identity import DEVICE_COOKIE, identity_of
from plugins.web.responses import back, wants_page
from plugins.web.sessions import DAY_S, SESSION_DAYS, end_sessions, save_session
from plugins.web.site import Site
from plugins.web.table_guard import open_tables
from plugins.web.throttle import FullLineError
from plugins.web.transaction import audit_refusal, transact

MAX_PASSWORD = 1000  # characters
MAX_NAME = 100  # characters of a name that count wrong passwords

T = TypeVar("T")

log = logging.getLogger(__name__)


def address_key(scope: Scope) -> str:
    """What stands for the caller: its address, of IPv6 the first half, which is one household."""
    host = (scope.get("client") or ("",))[0]
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return f"address {host}"
    if ip.version == 6:
        return f"address {ipaddress.ip_network((ip, 64), strict=False)}"
    return f"address {ip}"


async def sign_in(datasette: Site, request: Request) -> Response:
    """GET and POST /-/login."""
    if request.method != "POST":
        return await _page(datasette, request, 200, None)
    try:
        return await _sign_in(datasette, request, await read_form(request))
    except RefusedError as error:
        if wants_page(request):
            return await _page(datasette, request, error.status, error)
        raise


async def _page(site: Site, request: Request, status: int, error: RefusedError | None) -> Response:
    context = {
        "errors": error.errors if error else (),
        "next": back(request, "", request.args.get("next")),
        "accounts": bool(site.accounts.cookie_keys),
    }
    body = await site.render_template("password_login.html", context, request=request)
    return Response.html(body, status=status, headers=dict(error.headers) if error else None)


async def _sign_in(site: Site, request: Request, fields: Fields) -> Response:
    name, password, wanted = (fields.raw(field) for field in ("username", "password", "next"))
    if len(password) > MAX_PASSWORD:
        raise RefusedError(400, "username and password are needed")
    address = address_key(request.scope)
    is_right = await _check_password(site, name, password, address, known_device(site, request, name))
    is_known = name in site.accounts.cookie_keys
    outcome = "done" if is_right else "refused: wrong password" if is_known else "refused: unknown name"
    log.log(logging.INFO if is_right else logging.WARNING, "sign-in from %s: %s", address, outcome)
    if is_right:
        return await _signed_in(site, request, name, wanted)
    # The text of an unknown name is not kept: it may be a password that went into the wrong field.
    actor = name if is_known else None
    await _write(site, lambda connection: audit_refusal(connection, actor, "sign-in", outcome=outcome))
    raise RefusedError(401, "The name or the password is wrong")


async def _check_password(site: Site, name: str, password: str, address: str, device: str | None) -> bool:
    """True when the password is right. Raises RefusedError while too many wrong ones or sign-ins wait.

    A browser that this user has signed in with has its own line and its own count.
    """
    accounts, of_name, of_device = site.accounts, f"name {name[:MAX_NAME]}", f"device {device}"
    is_device = device is not None and not accounts.throttle.is_guessed_at(of_device)
    key = of_device if is_device else address
    try:
        async with (accounts.known_browsers if is_device else accounts.new_browsers).turn(key):
            wait = accounts.throttle.wait_s(key)
            if wait > 0:
                raise _too_many(f"Too many wrong passwords. Try again in {int(wait) + 1} s.", wait)
            await asyncio.sleep(0 if is_device else accounts.throttle.slowed_s(of_name))
            is_right = await accounts.passwords.check(name, password)
            if not is_right:
                accounts.throttle.add_failure(key, *(() if is_device else (of_name,)))
            elif is_device:
                accounts.throttle.clear(key)
            return is_right
    except FullLineError:
        raise _too_many("Too many sign-ins at once. Try again in a few seconds.", 4) from None


def _too_many(message: str, wait_s: float) -> RefusedError:
    return RefusedError(429, message, headers={"retry-after": str(int(wait_s) + 1)})


async def _write(site: Site, function: Callable[[sqlite3.Connection], T]) -> T:
    """As `transact`; raises RefusedError where the database cannot be written."""
    try:
        return await transact(site, function)
    except sqlite3.Error as error:
        log.error("a sign-in or sign-out could not be stored: %s", error)
        raise RefusedError(
            503, f"The database could not be written ({error}). Try again.", headers={"retry-after": "5"}
        ) from None


async def _signed_in(site: Site, request: Request, name: str, wanted: str) -> Response:
    """Make a session in place of the one that the browser had."""
    old, agent = identity_of(request.scope).session, user_agent(request)

    def write(connection: sqlite3.Connection) -> str:
        with open_tables(connection, "sessions"):
            if old is not None:
                end_sessions(connection, old.actor, old.id)
            secret = save_session(connection, name, site.accounts.cookie_keys, agent)
        audit(connection, name, "sign-in", "", "", "done")
        return secret

    secret = await _write(site, write)
    if wants_page(request):
        response = Response.redirect(back(request, "/", wanted) if wanted else "/")
    else:
        response = Response.json({"ok": True, "actor": {"id": name}})
    device = device_cookie(site, request, name)
    for cookie, value, days in (
        (COOKIE, secret, SESSION_DAYS),
        (DEVICE_COOKIE, device, COOKIE_DAYS),
    ):
        response.set_cookie(
            cookie,
            value,
            max_age=days * DAY_S,
            httponly=True,
            samesite="lax",
            secure=request.scope.get("scheme") == "https",
        )
    return response


async def sign_out(datasette: Site, request: Request) -> Response:
    """GET asks, POST ends the session."""
    if request.method != "POST":
        if not request.actor:
            return Response.redirect("/")
        return Response.html(await datasette.render_template("logout.html", {}, request=request))
    await read_form(request)
    session = identity_of(request.scope).session
    if session is not None:
        ended = session

        def write(connection: sqlite3.Connection) -> None:
            with open_tables(connection, "sessions"):
                end_sessions(connection, ended.actor, ended.id)
            audit(connection, ended.actor, "sign-out", "", "", "done")

        await _write(datasette, write)
    response = Response.redirect("/") if wants_page(request) else Response.json({"ok": True})
    response.set_cookie(COOKIE, "", expires=0, max_age=0)
    return response


ROUTES = (
    documented_route(
        r"^/-/login$",
        sign_in,
        Endpoint("Sign in, for people", right=None, answer="page"),
        Endpoint(
            "Sign in",
            "Sets a cookie. Programs send a token instead.",
            "POST",
            None,
            {"username": "", "password": "", "next": "where the browser is redirected"},
            {"username": "owner", "password": "..."},
        ),
    ),
    documented_route(r"^/-/logout$", sign_out, Endpoint("Sign out", method="POST", right=None)),
)
