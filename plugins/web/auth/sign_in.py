"""Signing in and out: passwords are checked off the event loop, one at a time.

Wrong ones slow down their name and their address. An unknown name costs as much time as a known one, so
names cannot be probed.
"""

import ipaddress
import logging

from datasette import Request, Response
from starlette.types import Scope

from plugins.web.auth.permissions import COOKIE_DAYS
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields, RefusedError, read_form
from plugins.web.responses import back, wants_page
from plugins.web.site import Site
from plugins.web.transaction import audit, transact

MAX_WAITING = 8  # sign-ins that may wait for their turn; more are sent away
MAX_PASSWORD = 1000  # characters
MAX_NAME = 100  # characters of a name that count wrong passwords

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
    is_right = await _check_password(site, name, password, (f"name {name[:MAX_NAME]}", address))
    is_known = name in site.accounts.cookie_keys
    outcome = "done" if is_right else "refused: wrong password" if is_known else "refused: unknown name"
    # The text of an unknown name is not kept: it may be a password that went into the wrong field. All who
    # read the site read the audit, so addresses stand in the log alone.
    actor = name if is_known else None
    await transact(site, lambda connection: audit(connection, actor, "sign-in", "", "", outcome))
    log.log(logging.INFO if is_right else logging.WARNING, "sign-in from %s: %s", address, outcome)
    if not is_right:
        raise RefusedError(401, "The name or the password is wrong")
    return _signed_in(site, request, name, wanted)


async def _check_password(site: Site, name: str, password: str, keys: tuple[str, ...]) -> bool:
    """True when the password is right. Raises RefusedError while keys have to wait, or too many sign in."""
    passwords, throttle = site.accounts.passwords, site.accounts.throttle
    if passwords.waiting >= MAX_WAITING:
        raise RefusedError(
            429, "Too many sign-ins at once. Try again in a few seconds.", headers={"retry-after": "5"}
        )
    passwords.waiting += 1
    try:
        async with site.accounts.one_sign_in:
            wait = throttle.wait_s(*keys)
            if wait > 0:
                seconds = int(wait) + 1
                raise RefusedError(
                    429,
                    f"Too many wrong passwords. Try again in {seconds} s.",
                    headers={"retry-after": str(seconds)},
                )
            is_right = await passwords.check(name, password)
            (throttle.clear if is_right else throttle.add_failure)(*keys)
            return is_right
    finally:
        passwords.waiting -= 1


def _signed_in(site: Site, request: Request, name: str, wanted: str) -> Response:
    value = site.sign({"a": {"id": name, "key": site.accounts.cookie_keys[name]}}, "actor")
    if wants_page(request):
        response = Response.redirect(back(request, "/", wanted) if wanted else "/")
    else:
        response = Response.json({"ok": True, "actor": {"id": name}})
    response.set_cookie(
        "ds_actor",
        value,
        max_age=COOKIE_DAYS * 86_400,
        httponly=True,
        samesite="lax",
        secure=request.scope.get("scheme") == "https",
    )
    return response


async def sign_out(datasette: Site, request: Request) -> Response:
    """GET asks, POST signs out."""
    if request.method != "POST":
        if not request.actor:
            return Response.redirect("/")
        return Response.html(await datasette.render_template("logout.html", {}, request=request))
    await read_form(request)
    response = Response.redirect("/") if wants_page(request) else Response.json({"ok": True})
    response.set_cookie("ds_actor", "", expires=0, max_age=0)
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
