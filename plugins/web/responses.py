"""How requests are answered: pages to browsers, JSON to programs, one page for refusals and errors."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from datasette import Request, Response

from plugins.web.compat import HttpError, http_error
from plugins.web.endpoint import Json
from plugins.web.forms import RefusedError
from plugins.web.query import TOO_SLOW, Row
from plugins.web.site import Site

OWN_PAGE = "page"  # `view_name` of the site's own pages in hooks
TITLES = {401: "Not allowed", 403: "Not allowed", 404: "Not found"}
REFUSED_POST = "Could not save"
FAILED = "Something went wrong here. The log of `voltkeeper web` has the details."

log = logging.getLogger(__name__)


@dataclass(eq=False)
class PageError(Exception):
    """Why one of the site's own pages cannot be shown."""

    status: int
    message: str
    title: str | None = None


def needed(rows: list[Row] | None) -> list[Row]:
    """Rows that a page cannot be shown without. Raises PageError where the database took too long."""
    if rows is None:
        raise PageError(503, TOO_SLOW, "Too slow")
    return rows


def wants_page(request: Request) -> bool:
    """True for a browser, False for a program, which is answered in JSON."""
    if request.headers.get("content-type", "").startswith("application/json") or request.args.get("_json"):
        return False
    return "text/html" in request.headers.get("accept", "")


async def page(site: Site, request: Request, template: str, context: Json) -> Response:
    """Render one of the site's own pages."""
    return Response.html(await site.render_template(template, context, request=request, view_name=OWN_PAGE))


async def error_page(
    site: Site,
    request: Request,
    status: int,
    *errors: str,
    title: str | None = None,
    back: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page of every refusal and error. `back` is where its link "Back" leads."""
    context = {
        "title": title or TITLES.get(status, "Error"),
        "errors": errors,
        "status": status,
        "back": back,
    }
    body = await site.render_template("error.html", context, request=request)
    return Response.html(body, status=status, headers=dict(headers or {}))


def json_errors(status: int, *errors: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that every JSON route gives to what it refuses."""
    return Response.json({"ok": False, "errors": list(errors)}, status=status, headers=dict(headers or {}))


async def refuse(site: Site, request: Request, refused: RefusedError) -> Response:
    """Answer a RefusedError: JSON to programs, a page to browsers."""
    if not wants_page(request):
        return json_errors(refused.status, *refused.errors, headers=refused.headers)
    return await error_page(
        site,
        request,
        refused.status,
        *refused.errors,
        title=REFUSED_POST if request.method == "POST" else None,
        back=back(request, "/"),
        headers=refused.headers,
    )


async def answer_exception(site: Site, request: Request, exception: Exception) -> Response:
    """Answer what a handler raised, as a page or JSON. What failed inside goes to the log alone."""
    if isinstance(exception, RefusedError):
        return await refuse(site, request, exception)
    if isinstance(exception, PageError):
        return await error_page(site, request, exception.status, exception.message, title=exception.title)
    error = http_error(exception)
    if error is None:
        log.error("%s %s failed", request.method, request.path, exc_info=exception)
        error = HttpError(500, FAILED)
    status, message = error.status, error.message
    if message in ("404", "Database not found"):
        message = f"There is no page {request.path}"
    if request.path.endswith(".json") or (request.path.startswith("/-/") and not wants_page(request)):
        body = {"ok": False, "errors": [message], "error": message, "status": status}
        return Response.json({**(error.extra or {}), **body}, status=status)
    return await error_page(site, request, status, message, title=error.title)


def back(request: Request, otherwise: str, wanted: str | None = None) -> str:
    """Where a browser goes after a form: `wanted` or the page it came from if that lies on this site."""
    for url in (wanted, request.headers.get("referer")):
        parts = urlsplit(url or "")
        same = not parts.netloc or parts.netloc == request.headers.get("host")
        path = parts._replace(scheme="", netloc="").geturl()
        if url and same and re.match(r"/(?![/\\])", path) and path.isprintable() and "\\" not in path:
            return path
    return otherwise
