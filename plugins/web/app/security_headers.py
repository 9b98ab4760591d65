"""Headers of every response by which browsers keep other sites away from it; the CSP is `content_policy`."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.responses import NO_DOCUMENT
from plugins.web.site import Site

YEAR_S = 365 * 86400
# Those that Chromium of Linux knows: it warns of others on the console of each page.
UNUSED = "camera geolocation microphone payment usb serial midi hid display-capture".split()
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    # A window that another site opened cannot reach into this one, and no other site loads what is here.
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{name}=()" for name in UNUSED).encode()),
)
# Without includeSubDomains: other names below this one may be other machines.
HSTS = (b"strict-transport-security", f"max-age={YEAR_S}".encode())


def security_headers(app: ASGIApp, site: Site) -> ASGIApp:
    """Add those headers that a response has not; behind https also the one that keeps browsers there."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        extra = (*HEADERS, HSTS) if scope.get("scheme") == "https" else HEADERS

        async def send_extended(message: Message) -> None:
            if message["type"] == "http.response.start" and not message.get(NO_DOCUMENT):
                headers = list(message.get("headers", []))
                given = {name.lower() for name, _ in headers}
                message = {**message, "headers": headers + [pair for pair in extra if pair[0] not in given]}
            await send(message)

        await app(scope, receive, send_extended if scope["type"] == "http" else send)

    return inner
