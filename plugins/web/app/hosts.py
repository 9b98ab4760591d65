"""The names by which the site may be asked for: another name gets 421 and the config line that adds it.

A page of another site can point a name of its own at the address of this machine (DNS rebinding) and would
then read and write here as if it were the same site. It cannot do so with an address, nor with a name that
only the local network resolves.
"""

import ipaddress
import re
import socket

from datasette import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from plugins.web.responses import json_errors
from plugins.web.site import Site

# The header `Host` (RFC 9110, 7.2): a name or an address, IPv6 in brackets, and maybe a port.
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:\d{0,5})?", re.I)
LONGEST = 253  # characters of a name
# RFC 6761, 6762, 8375, and what routers use: none of them is ever a name of the internet.
LOCAL = ("localhost", "local", "lan", "home.arpa")


def known_hosts(app: ASGIApp, site: Site) -> ASGIApp:
    """Refuse requests for names that are not those of this site."""
    # Not `getfqdn()`: it asks a name server, and the site starts where there is none.
    names = frozenset(name.lower() for name in (socket.gethostname(), *site.config.web.hosts))

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        answer = _refuse(scope, names) if scope["type"] == "http" else None
        if answer is None:
            await app(scope, receive, send)
        else:
            await answer.asgi_send(send)

    return inner


def _refuse(scope: Scope, names: frozenset[str]) -> Response | None:
    for header in [value for name, value in scope["headers"] if name == b"host"]:
        found = HOST.fullmatch(header.decode("latin-1").strip())
        if found is None or len(found["name"]) > LONGEST:
            return json_errors(400, "The header Host is neither a name nor an address")
        if not is_known(found["name"], names):
            text = refusal_text(found["name"].lower().rstrip("."))
            is_browser = any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
            return Response.text(text, status=421) if is_browser else json_errors(421, text)
    return None


def refusal_text(name: str) -> str:
    """Why a name is refused, with what to add to the config."""
    return (
        f"This site is not known by the name {name}. If it is a name of this site, add it to config.yml "
        f"and restart: web: {{hosts: [{name}]}}"
    )


def is_known(host: str, names: frozenset[str]) -> bool:
    """True for an address, a name that only the local network resolves, and `names`."""
    name = host.lower().removesuffix(".")
    if _is_address(name):
        return True
    if re.fullmatch(r"[^.:\[\]]+", name):  # no domain: no name server of the internet has it
        return True
    if name in names or any(name == end or name.endswith(f".{end}") for end in LOCAL):
        return True
    parents = [name.split(".", count)[-1] for count in range(1, name.count(".") + 1)]
    return any(f"*.{parent}" in names for parent in parents)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
