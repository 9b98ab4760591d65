"""Forms of other sites are refused: by `Sec-Fetch-Site`, else by `Origin`; then each form carries a token.

Browsers send the first to https and localhost alone, the second with every POST. A request without either is
of a program, which sends no cookies of a browser, or of an old browser (https://words.filippo.io/csrf/).
"""

import re
from urllib.parse import urlsplit

from starlette.types import Scope

from ingest.orders.outcome import RefusedError

OWN = ("same-origin", "none")  # `none`: the user's own doing, such as a reload


def check_origin(scope: Scope) -> None:
    """Raise RefusedError for a POST that a page of another site made."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    fetched = headers.get(b"sec-fetch-site", "")
    if fetched:
        if fetched not in OWN:
            raise RefusedError(403, f"This form was sent by another site (Sec-Fetch-Site: {fetched[:20]})")
        return
    origin, host = headers.get(b"origin"), headers.get(b"host", "")
    if origin is not None and not is_own(origin, host):
        raise RefusedError(
            403,
            f"This form was sent by another site: its Origin is {origin[:100]}, this site is {host[:100]}. "
            "A proxy in front of it has to pass on the header Host.",
        )


def is_own(origin: str, host: str) -> bool:
    """Whether an Origin is that of the site that was asked for. The scheme may be that of a proxy."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and _bare(parts.netloc) == _bare(host)


def _bare(host: str) -> str:
    return re.sub(r":(80|443)?$", "", host.strip().lower())
