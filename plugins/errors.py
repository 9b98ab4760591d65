"""Errors as pages of the site, or as JSON for programs."""

from collections.abc import Awaitable

from datasette import Request, Response, hookimpl
from datasette.app import Datasette

from plugins.web.compat import drop_error_pages
from plugins.web.responses import answer_exception
from plugins.web.site import site_of


@hookimpl
def startup() -> None:
    """Take the place of Datasette's own error pages."""
    drop_error_pages()


@hookimpl
def handle_exception(datasette: Datasette, request: Request, exception: Exception) -> Awaitable[Response]:
    """The answer to what a handler raised."""
    return answer_exception(site_of(datasette), request, exception)
