"""How requests are answered: a page to browsers, JSON to programs, and one page for all refusals and errors."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from datasette import Request, Response

from plugins.web.forms import RefusedError
from plugins.web.site import Site

OWN_PAGE = "page"  # `view_name` of the site's own pages in hooks
TITLES = {401: "Not allowed", 403: "Not allowed", 404: "Not found"}
REFUSED_POST = "Could not save"


def wants_page(request: Request) -> bool:
    """True for a browser, False for a program, which is answered in JSON."""
    if request.headers.get("content-type", "").startswith("application/json") or request.args.get("_json"):
        return False
    return "text/html" in request.headers.get("accept", "")


async def page(site: Site, request: Request, template: str, context: Mapping[str, Any]) -> Response:
    """Render one of the site's own pages."""
    return Response.html(
        await site.render_template(template, dict(context), request=request, view_name=OWN_PAGE)
    )


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


def back(request: Request, otherwise: str, wanted: str | None = None) -> str:
    """Where a browser goes after a form: `wanted` or the page it came from if that lies on this site."""
    for url in (wanted, request.headers.get("referer")):
        parts = urlsplit(url or "")
        same = not parts.netloc or parts.netloc == request.headers.get("host")
        path = parts._replace(scheme="", netloc="").geturl()
        if url and same and re.match(r"/(?![/\\])", path) and path.isprintable() and "\\" not in path:
            return path
    return otherwise
