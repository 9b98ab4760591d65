"""Who may do what: the one function that every route and page asks, and who the caller is.

Rights come from `access:` in the config and go by the actor's id. A cookie says who somebody is, never what he may;
it is good only as long as the password that it was given for.
"""

import hashlib
import hmac
import secrets

from ingest.config.access import RIGHTS

COOKIE_DAYS = 90

TURN_ON = (
    "Writing is off. To turn it on, name people or tokens under `access:` in config.yml "
    "(`voltkeeper hash-password` makes the password_hash) and start again."
)
SIGN_IN = "Sign in first: at /-/login, or with `Authorization: Bearer TOKEN`."


async def may(datasette, actor, right):
    """True when the actor has the right: one of RIGHTS, or `read`."""
    rights = getattr(datasette, "rights", {})
    name = (actor or {}).get("id")
    if right == "read":
        return getattr(datasette, "open_to_read", True) or name in rights
    if right not in RIGHTS:
        raise ValueError(f"{right!r} is no right: {', '.join(RIGHTS)}")
    return right in rights.get(name, ())


async def refusal(datasette, actor, right):
    """None when the actor has the right, else (HTTP status, why not, in words)."""
    if await may(datasette, actor, right):
        return None
    if right != "read" and not writing_is_set_up(datasette):
        return 403, TURN_ON
    if actor is None:
        return 401, SIGN_IN
    return 403, f"{actor['id']} may not do this: `may:` in config.yml does not list {right}."


def writing_is_set_up(datasette):
    """True when `access:` names anybody who may sign in."""
    return bool(getattr(datasette, "rights", {}))


def cookie_key(secret, password_hash):
    """What ties a cookie to a password: a new password makes the old cookies worthless."""
    return hmac.new(secret.encode(), password_hash.encode(), hashlib.sha256).hexdigest()[:16]


def known_cookie(datasette, actor):
    """True for the actor of a cookie who is still in the config, with the password he signed in with."""
    if not isinstance(actor, dict) or not isinstance(actor.get("key"), str):
        return False
    key = datasette.cookie_keys.get(actor.get("id"), "")
    return bool(key) and hmac.compare_digest(key.encode(), actor["key"].encode())


def known_token(datasette, token):
    """The id that goes with a bearer token (bytes), or None. Every token is compared, whichever matches."""
    found = None
    for known, name in datasette.tokens:
        if secrets.compare_digest(known, token):
            found = name
    return found
