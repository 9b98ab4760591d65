"""/-/login and /-/logout: passwords of datasette-auth-passwords, checked without stalling other pages."""

from datasette import hookimpl

from plugins.web.auth import sign_in as login
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.site import site_of


@hookimpl
def register_routes(datasette):
    if not site_of(datasette).has_config:
        return []
    return [
        documented_route(
            r"^/-/login$",
            sign_in,
            Endpoint("Sign in, for people", right=None, answer="page"),
            Endpoint(
                "Sign in",
                "Sets a cookie. Programs send a token instead.",
                "POST",
                None,
                {"username": "", "password": "", "next": "where a browser goes then"},
                {"username": "owner", "password": "..."},
            ),
        ),
        documented_route(r"^/-/logout$", sign_out, Endpoint("Sign out", method="POST", right=None)),
    ]


async def sign_in(datasette, request):
    return await login.login(datasette, request)


async def sign_out(datasette, request):
    return await login.logout(datasette, request)
