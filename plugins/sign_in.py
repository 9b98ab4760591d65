"""/-/login and /-/logout: passwords of datasette-auth-passwords, checked without stalling other pages."""

from datasette import hookimpl

from plugins.web.auth import sign_in as login
from plugins.web.endpoint import Call
from plugins.web.forms import post_route


@hookimpl
def register_routes(datasette):
    if not hasattr(datasette, "rights"):
        return []
    return [
        post_route(
            r"^/-/login$",
            sign_in,
            Call("Sign in, for people", right=None, answer="page"),
            Call(
                "Sign in",
                "Sets a cookie. Programs send a token instead.",
                "POST",
                None,
                {"username": "", "password": "", "next": "where a browser goes then"},
                {"username": "owner", "password": "..."},
            ),
        ),
        post_route(r"^/-/logout$", sign_out, Call("Sign out", method="POST", right=None)),
    ]


async def sign_in(datasette, request):
    return await login.login(datasette, request)


async def sign_out(datasette, request):
    return await login.logout(datasette, request)
