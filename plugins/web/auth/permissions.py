"""Where a right is asked: `has_right`, `refusal` and `require`; and whether a cookie or a token is known.

Rights come from `access:` in the config and go by the actor's id. A cookie says who a user is, never what the
user may do; it is good only as long as the password that it was given for.
"""

import hmac
import secrets
from collections.abc import Mapping
from typing import Any, TypeAlias

from ingest.config.access import RIGHTS
from plugins.web.endpoint import Json
from plugins.web.forms import RefusedError
from plugins.web.site import Site

COOKIE_DAYS = 90

TURN_ON = (
    "Writing is off. To turn it on, name people or tokens under `access:` in config.yml "
    "(`voltkeeper hash-password` makes the password_hash) and start again."
)
SIGN_IN = "Sign in first: at /-/login, or with `Authorization: Bearer TOKEN`."

Actor: TypeAlias = Mapping[str, Any] | None  # Any: Datasette's; ours have the key `id`


def has_right(site: Site, actor: Actor, right: str) -> bool:
    """True when the actor has the right: one of RIGHTS, or `read`. Raises ValueError for another one."""
    rights = site.accounts.rights
    name = (actor or {}).get("id")
    if right == "read":
        return site.accounts.open_to_read or name in rights
    if right not in RIGHTS:
        raise ValueError(f"{right!r} is no right: {', '.join(RIGHTS)}")
    return right in rights.get(name or "", ())


def refusal(site: Site, actor: Actor, right: str) -> RefusedError | None:
    """None when the actor has the right, else why not, with an HTTP status."""
    if has_right(site, actor, right):
        return None
    if right != "read" and not site.accounts.rights:
        return RefusedError(403, TURN_ON)
    if actor is None:
        return RefusedError(401, SIGN_IN)
    return RefusedError(403, f"{actor['id']} may not do this: `may:` in config.yml does not list {right}.")


def require(site: Site, actor: Actor, right: str) -> None:
    """Raise the refusal when the actor lacks the right."""
    if refused := refusal(site, actor, right):
        raise refused


def rights_of(site: Site, actor: Actor) -> dict[str, Json]:
    """Right -> `allowed` and, where it is not, `why` not, for the forms of pages."""
    refusals = {right: refusal(site, actor, right) for right in RIGHTS}
    return {
        right: {"allowed": refused is None, "why": refused.errors[0] if refused else ""}
        for right, refused in refusals.items()
    }


def known_cookie(site: Site, actor: Any) -> bool:  # Any: whatever a cookie carried
    """True for the actor of a cookie who is still in the config, with the password of the sign-in."""
    if not isinstance(actor, dict) or not isinstance(actor.get("key"), str):
        return False
    key = site.accounts.cookie_keys.get(actor.get("id", ""), "")
    return bool(key) and hmac.compare_digest(key.encode(), actor["key"].encode())


def known_token(site: Site, token: bytes) -> str | None:
    """The id that goes with a bearer token, or None. Every token is compared, whichever matches."""
    matching = [name for known, name in site.accounts.tokens if secrets.compare_digest(known, token)]
    return matching[-1] if matching else None
