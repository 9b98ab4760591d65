"""Browsers that have signed in before: a signed cookie names their users, each with a random number."""

import secrets

from datasette import Request
from itsdangerous import BadSignature

from plugins.web.identity import DEVICE_COOKIE
from plugins.web.site import Site

COOKIE_DAYS = 365
NAMESPACE = "device"  # of the signature
MOST = 10  # users of one browser; one more takes the place of the first


def known_device(site: Site, request: Request, name: str) -> str | None:
    """The number of this browser for this user; None where the user has not signed in with it."""
    return _devices(site, request).get(name)


def device_cookie(site: Site, request: Request, name: str) -> str:
    """The value of the cookie after this user has signed in."""
    devices = _devices(site, request)
    number = devices.pop(name, None) or secrets.token_urlsafe(12)
    kept = list(devices.items())[-(MOST - 1) :]
    value: str = site.sign({**dict(kept), name: number}, NAMESPACE)
    return value


def _devices(site: Site, request: Request) -> dict[str, str]:
    try:
        devices = site.unsign(request.cookies.get(DEVICE_COOKIE, ""), NAMESPACE)
    except BadSignature:
        return {}
    return devices if isinstance(devices, dict) else {}
