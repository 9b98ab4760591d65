"""Signing in and out, and the account of a user; as whom a request comes."""

import functools
from collections.abc import Sequence

from datasette import Request, hookimpl
from datasette.app import Datasette

from plugins.web.actions import sessions
from plugins.web.auth.sign_in import ROUTES
from plugins.web.compat import drop_actor_cookie
from plugins.web.endpoint import Json, Route
from plugins.web.identity import Actor, csrf_token_of, identity_of, masked_token
from plugins.web.pages.account import ACCOUNT
from plugins.web.site import site_of


@hookimpl
def startup() -> None:
    """Take the place of Datasette's cookie, which nothing ends."""
    drop_actor_cookie()


@hookimpl
def actor_from_request(request: Request) -> Actor:
    """The user or token that the guard has found."""
    return identity_of(request.scope).actor


@hookimpl
def extra_template_vars(request: Request | None) -> Json:
    """`csrftoken` of the session in place of that of Datasette's cookie, masked."""
    if request is None:
        return {}
    scope = request.scope
    return {"csrftoken": functools.cache(lambda: masked_token(csrf_token_of(scope)))}


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """Routes to sign in and out, where people can."""
    return (*ROUTES, ACCOUNT, *sessions.ROUTES) if site_of(datasette).has_config else ()
