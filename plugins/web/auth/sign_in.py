"""Signing in: passwords are checked off the event loop, one at a time, and wrong ones slow their name and address.

An unknown name costs as much time as a known one, so names cannot be probed.
"""

import asyncio
import ipaddress
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from datasette import Response
from datasette_auth_passwords.utils import hash_password, verify_password

from plugins.web.actions.action import audit, transact
from plugins.web.auth.permissions import COOKIE_DAYS
from plugins.web.forms import Refused, back, read_form, refuse, wants_page

FREE = {"name": 3, "address": 10, "token": 10}  # wrong ones before the waiting starts, by kind of key
LONGEST_S = 60
FORGOTTEN_S = 900  # without a wrong password
WAITING = 8  # sign-ins that may wait for their turn; more are sent away
KEYS = 5000
LONGEST_PASSWORD = 1000

log = logging.getLogger(__name__)


class Throttle:
    """Counts wrong passwords and tokens by key (`name X`, `address X`, `token X`); says how long a key has to wait."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._wrong = {}  # key -> (count, monotonic seconds of the last one)

    def wait_s(self, *keys):
        """Seconds until the next try of all these keys is allowed; 0 when it is."""
        now = self._clock()
        waits = [0.0]
        for key in keys:
            count, last = self._wrong.get(key, (0, now))
            if now - last >= FORGOTTEN_S:
                self._wrong.pop(key, None)
            elif count >= (free := FREE[key.partition(" ")[0]]):
                waits.append(last + min(2 ** (count - free), LONGEST_S) - now)
        return max(waits)

    def wrong(self, *keys):
        for key in keys:
            count = self._wrong.pop(key, (0, 0))[0]
            self._wrong[key] = (count + 1, self._clock())
        while len(self._wrong) > KEYS:
            del self._wrong[next(iter(self._wrong))]

    def right(self, *keys):
        for key in keys:
            self._wrong.pop(key, None)


class Passwords:
    """Checks passwords one after the other in a thread of its own."""

    def __init__(self, hashes):
        self._hashes = hashes  # name -> hash
        self._nobody = next(iter(hashes.values()), None) or hash_password("nobody")
        self._thread = ThreadPoolExecutor(1, "password")
        self.waiting = 0

    async def check(self, name, password):
        """True when the password is right. Takes as long for a name that does not exist."""
        loop = asyncio.get_running_loop()
        known = self._hashes.get(name, self._nobody)
        right = await loop.run_in_executor(self._thread, verify_password, password, known)
        return right and name in self._hashes


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
        fields = await read_form(request)
        name, password = _credentials(fields)
        return await _sign_in(datasette, request, name, password, fields.get("next"))
    except Refused as error:
        if wants_page(request):
            return await _page(datasette, request, error.status, error)
        return await refuse(datasette, request, error)


async def _page(datasette, request, status, error):
    context = {
        "errors": error.errors if error else (),
        "next": back(request, "", request.args.get("next")),
        "accounts": bool(datasette.cookie_keys),
    }
    body = await datasette.render_template("password_login.html", context, request=request)
    return Response.html(body, status=status, headers=error.headers if error else None)


def _credentials(fields):
    name, password = fields.get("username", ""), fields.get("password", "")
    if not isinstance(name, str) or not isinstance(password, str) or len(password) > LONGEST_PASSWORD:
        raise Refused(400, "username and password are needed")
    return name, password


async def _sign_in(datasette, request, name, password, wanted):
    keys = (f"name {name[:100]}", address(request.scope))
    passwords, throttle = datasette.passwords, datasette.throttle
    if passwords.waiting >= WAITING:
        raise Refused(
            429, "Many people sign in at once. Try again in some seconds.", headers={"retry-after": "5"}
        )
    passwords.waiting += 1
    try:
        async with datasette.one_sign_in:
            wait = throttle.wait_s(*keys)
            if wait > 0:
                seconds = int(wait) + 1
                raise Refused(
                    429,
                    f"Too many wrong passwords. Try again in {seconds} s.",
                    headers={"retry-after": str(seconds)},
                )
            right = await passwords.check(name, password)
            (throttle.right if right else throttle.wrong)(*keys)
    finally:
        passwords.waiting -= 1
    known = name in datasette.cookie_keys
    outcome = "done" if right else "refused: wrong password" if known else "refused: unknown name"
    # The text of an unknown name is not kept: it may be a password that went into the wrong field. Everybody who
    # reads the site reads the audit, so addresses stand in the log alone.
    await transact(datasette, lambda conn: audit(conn, name if known else None, "sign-in", "", "", outcome))
    log.log(logging.INFO if right else logging.WARNING, "sign-in from %s: %s", keys[1], outcome)
    if not right:
        raise Refused(401, "The name or the password is wrong")
    return _signed_in(datasette, request, name, wanted)


def _signed_in(datasette, request, name, wanted):
    value = datasette.sign({"a": {"id": name, "key": datasette.cookie_keys[name]}}, "actor")
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
    except Refused as error:
        return await refuse(datasette, request, error)
    response = Response.redirect("/") if wants_page(request) else Response.json({"ok": True})
    response.set_cookie("ds_actor", "", expires=0, max_age=0)
    return response
