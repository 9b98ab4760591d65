"""Where a right is asked: `has_right`, `refusal` and `require`; and whether a token is known.

Rights come from `access:` in the config and go by the actor's id. A session says which user it is, never what
the user may do.
"""

import secrets

from ingest.config.access import RIGHTS
from ingest.orders.outcome import RefusedError
from plugins.web.endpoint import Json
from plugins.web.identity import Actor
from plugins.web.site import Site

SIGNED_IN = "signed-in"  # the right that every user and token has, without any of RIGHTS

TURN_ON = (
    "Writing is off. To turn it on, name people or tokens under `access:` in config.yml "
    "(`voltkeeper hash-password` makes the password_hash) and start again."
)
SIGN_IN = "Sign in first: at /-/login, or with `Authorization: Bearer TOKEN`."
SQL_IS_OFF = "SQL of your own is off: `access: {sql: off}` in config.yml. Tables, views and queries are open."


def has_right(site: Site, actor: Actor, right: str) -> bool:
    """True when the actor has the right: one of RIGHTS, `read` or SIGNED_IN. Raises ValueError."""
    rights = site.accounts.rights
    name = (actor or {}).get("id")
    if right == "read":
        return site.accounts.open_to_read or name in rights
    if right == SIGNED_IN:
        return name in rights
    if right not in RIGHTS:
        raise ValueError(f"{right!r} is no right: {', '.join(RIGHTS)}")
    return right in rights.get(name or "", ())


def refusal(site: Site, actor: Actor, right: str) -> RefusedError | None:
    """None when the actor has the right, else why not, with an HTTP status."""
    if has_right(site, actor, right):
        return None
    if right in RIGHTS and not site.accounts.rights:
        return RefusedError(403, TURN_ON)
    if actor is None:
        return RefusedError(401, SIGN_IN)
    return RefusedError(403, f"{actor['id']} may not do this: `may:` in config.yml does not list {right}.")


def require(site: Site, actor: Actor, right: str) -> None:
    """Raise the refusal when the actor lacks the right."""
    if refused := refusal(site, actor, right):
        raise refused


def may_write_sql(site: Site, actor: Actor) -> bool:
    """True for an actor whose own SQL is run, by `sql:` under `access:` in the config."""
    sql = site.config.access.sql
    return sql == "anyone" or (sql == "signed-in" and (actor or {}).get("id") in site.accounts.rights)


def rights_of(site: Site, actor: Actor) -> dict[str, Json]:
    """Right -> `allowed` and, where it is not, `why` not, for the forms of pages."""
    refusals = {right: refusal(site, actor, right) for right in (*RIGHTS, SIGNED_IN)}
    return {
        right: {"allowed": refused is None, "why": refused.errors[0] if refused else ""}
        for right, refused in refusals.items()
    }


def known_token(site: Site, token: bytes) -> str | None:
    """The id that goes with a bearer token, or None. Every token is compared, whichever matches."""
    matching = [name for known, name in site.accounts.tokens if secrets.compare_digest(known, token)]
    return matching[-1] if matching else None
