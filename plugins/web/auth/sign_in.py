"""Signing in: passwords are checked off the event loop, one at a time, and wrong ones slow their name and address.

An unknown name costs as much time as a known one, so names cannot be probed.
"""

import ipaddress
import logging

from datasette import Response

from plugins.web.actions.action import audit, transact
from plugins.web.auth.permissions import COOKIE_DAYS
from plugins.web.forms import RefusedError, read_form
from plugins.web.responses import back, refuse, wants_page

WAITING = 8  # sign-ins that may wait for their turn; more are sent away
LONGEST_PASSWORD = 1000

log = logging.getLogger(__name__)


def address(scope):
    """What stands for the caller: its address, of IPv6 the first half, which is one household."""
    host = (scope.get("client") or ("",))[0]
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return f"address {host}"
    if ip.version == 6:
        return f"address {ipaddress.ip_network((ip, 64), strict=False)}"
    return f"address {ip}"


async def login(datasette, request):
    """GET and POST /-/login."""
    if request.method != "POST":
        return await _page(datasette, request, 200, None)
    try:
        fields = (await read_form(request))._values
        name, password = _credentials(fields)
        return await _sign_in(datasette, request, name, password, fields.get("next"))
    except RefusedError as error:
        if wants_page(request):
            return await _page(datasette, request, error.status, error)
        return await refuse(datasette, request, error)


async def _page(datasette, request, status, error):
    context = {
        "errors": error.errors if error else (),
        "next": back(request, "", request.args.get("next")),
        "accounts": bool(datasette.accounts.cookie_keys),
    }
    body = await datasette.render_template("password_login.html", context, request=request)
    return Response.html(body, status=status, headers=error.headers if error else None)


def _credentials(fields):
    name, password = fields.get("username", ""), fields.get("password", "")
    if not isinstance(name, str) or not isinstance(password, str) or len(password) > LONGEST_PASSWORD:
        raise RefusedError(400, "username and password are needed")
    return name, password


async def _sign_in(datasette, request, name, password, wanted):
    keys = (f"name {name[:100]}", address(request.scope))
    passwords, throttle = datasette.accounts.passwords, datasette.accounts.throttle
    if passwords.waiting >= WAITING:
        raise RefusedError(
            429, "Many people sign in at once. Try again in some seconds.", headers={"retry-after": "5"}
        )
    passwords.waiting += 1
    try:
        async with datasette.accounts.one_sign_in:
            wait = throttle.wait_s(*keys)
            if wait > 0:
                seconds = int(wait) + 1
                raise RefusedError(
                    429,
                    f"Too many wrong passwords. Try again in {seconds} s.",
                    headers={"retry-after": str(seconds)},
                )
            right = await passwords.check(name, password)
            (throttle.clear if right else throttle.add_failure)(*keys)
    finally:
        passwords.waiting -= 1
    known = name in datasette.accounts.cookie_keys
    outcome = "done" if right else "refused: wrong password" if known else "refused: unknown name"
    # The text of an unknown name is not kept: it may be a password that went into the wrong field. Everybody who
    # reads the site reads the audit, so addresses stand in the log alone.
    await transact(datasette, lambda conn: audit(conn, name if known else None, "sign-in", "", "", outcome))
    log.log(logging.INFO if right else logging.WARNING, "sign-in from %s: %s", keys[1], outcome)
    if not right:
        raise RefusedError(401, "The name or the password is wrong")
    return _signed_in(datasette, request, name, wanted)


def _signed_in(datasette, request, name, wanted):
    value = datasette.sign({"a": {"id": name, "key": datasette.accounts.cookie_keys[name]}}, "actor")
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


async def logout(datasette, request):
    """GET asks, POST signs out."""
    if request.method != "POST":
        if not request.actor:
            return Response.redirect("/")
        return Response.html(await datasette.render_template("logout.html", {}, request=request))
    try:
        await read_form(request)
    except RefusedError as error:
        return await refuse(datasette, request, error)
    response = Response.redirect("/") if wants_page(request) else Response.json({"ok": True})
    response.set_cookie("ds_actor", "", expires=0, max_age=0)
    return response
