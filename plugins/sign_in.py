"""/-/login and /-/logout: passwords of datasette-auth-passwords, checked without stalling other pages."""

from collections.abc import Sequence

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.auth.sign_in import ROUTES
from plugins.web.endpoint import Route
from plugins.web.site import site_of


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """Routes to sign in and out, where people can."""
    return ROUTES if site_of(datasette).has_config else ()
