"""What a browser may load and run on a page: one strict policy, one for datasette-vega, those of plugins."""

from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.on_request import CHART, asks_for
from plugins.web.responses import NO_DOCUMENT
from plugins.web.site import Site

STRICT = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# Vega compiles its expressions and styles what it draws.
CHARTS = STRICT + "; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"


def content_policy(app: ASGIApp, site: Site) -> ASGIApp:
    """Add the policy to every response. Charts have theirs, on pages that ask for them alone."""

    widened = [
        (path, widen(one.csp)) for one in site.config.plugins.values() for path in one.paths if one.csp
    ]

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start" and not message.get(NO_DOCUMENT):
                policy = CHARTS if _shows_a_chart(site, scope, message) else STRICT
                policy = _of_plugin(widened, scope["path"].removeprefix(site.root)) or policy
                headers = [*message.get("headers", []), (b"content-security-policy", policy.encode())]
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, send_with_policy if scope["type"] == "http" else send)

    return inner


def widen(csp: Mapping[str, Sequence[str]]) -> str:
    """STRICT with the sources of a plugin added to its directives."""
    policy = dict(part.strip().split(" ", 1) for part in STRICT.split(";"))
    for directive, sources in csp.items():
        policy[directive] = " ".join([policy.get(directive, policy["default-src"]), *sources])
    return "; ".join(f"{name} {value}" for name, value in policy.items())


def _of_plugin(widened: Sequence[tuple[str, str]], path: str) -> str | None:
    """The policy of the plugin whose page this is: the one with the longest path that it lies below."""
    found = [(own, policy) for own, policy in widened if path == own or path.startswith(f"{own}/")]
    return max(found, key=lambda one: len(one[0]))[1] if found else None


def _shows_a_chart(site: Site, scope: Scope, start: Message) -> bool:
    types = [value for name, value in start.get("headers", []) if name.lower() == b"content-type"]
    if start["status"] != 200 or not any(value.startswith(b"text/html") for value in types):
        return False
    query_string = scope.get("query_string", b"").decode("latin-1")
    return asks_for(scope["path"].removeprefix(site.root), query_string, CHART)
