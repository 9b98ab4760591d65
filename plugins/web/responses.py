"""How requests are answered: pages to browsers, JSON to programs, one page for refusals and errors."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from datasette import Request, Response

from ingest.orders.outcome import RefusedError
from plugins.web.compat import HttpError, http_error
from plugins.web.endpoint import Json
from plugins.web.forms import Fields
from plugins.web.query import TOO_SLOW, Row
from plugins.web.render.chart_files import PARAMETER, chart_file, name_charts
from plugins.web.request_faults import request_fault
from plugins.web.site import Site

OWN_PAGE = "page"  # `view_name` of the site's own pages in hooks
# In the start of a response: no browser shows it as a document, so it does without the headers of one.
NO_DOCUMENT = "no_document"
# Those of Datasette's pages that have no template of ours: they alone load its style sheet.
PLAIN_VIEWS = ("patterns",)
TITLES = {401: "Not allowed", 403: "Not allowed", 404: "Not found"}
REFUSED_POST = "Could not save"
MENDABLE = (400, 409)
# Fields that a page chooses, not the user.
CHOSEN = ("next", "subject", "key", "node", "ups", "sensor", "gateway", "order", "channel", "sure")
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
    """Render one of the site's own pages, or one of its charts as a file."""
    charts = name_charts(context, request)
    if key := request.args.get(PARAMETER):
        if file := chart_file(charts, key):
            return file
        raise PageError(404, f"This page has no chart {key}")
    return Response.html(await site.render_template(template, context, request=request, view_name=OWN_PAGE))


class FormAgain(NamedTuple):
    """A form that was refused, to be mended: what was typed, and which field is wrong."""

    path: str
    hidden: Mapping[str, str]
    typed: Mapping[str, str]
    wrong: str


async def error_page(
    site: Site,
    request: Request,
    status: int,
    *errors: str,
    title: str | None = None,
    back: str | None = None,
    headers: Mapping[str, str] | None = None,
    again: FormAgain | None = None,
) -> Response:
    """The page of every refusal and error. `back` is where its link "Back" leads, `again` a form to mend."""
    context = {
        "title": title or TITLES.get(status, "Error"),
        "errors": errors,
        "status": status,
        "back": back,
        "again": again,
    }
    body = await site.render_template("error.html", context, request=request)
    return Response.html(body, status=status, headers=dict(headers or {}))


def json_errors(
    status: int, *errors: str, headers: Mapping[str, str] | None = None, field: str = ""
) -> Response:
    """The answer that every JSON route gives to what it refuses; `field` is the one that is wrong."""
    body = {"ok": False, "errors": list(errors), **({"field": field} if field else {})}
    return Response.json(body, status=status, headers=dict(headers or {}))


def form_again(request: Request, fields: Fields, wrong: str, wanted: str) -> FormAgain | None:
    """The form with what was typed; None where nothing of it can be mended on a page."""
    texts = {name: text for name, text in fields.texts().items() if name not in CHOSEN}
    if wrong in CHOSEN or not texts:
        return None
    hidden = {name: text for name, text in fields.texts().items() if name in CHOSEN}
    return FormAgain(request.path, {**hidden, "next": wanted}, texts, wrong)


async def refuse(
    site: Site, request: Request, refused: RefusedError, fields: Fields | None = None, wanted: str = ""
) -> Response:
    """Answer a RefusedError: JSON to programs, a page to browsers, on which `fields` can be mended."""
    wrong = fields.find_wrong(refused) if fields else ""
    if not wants_page(request):
        return json_errors(refused.status, *refused.errors, headers=refused.headers, field=wrong)
    mendable = fields if fields and refused.status in MENDABLE and wrong else None
    return await error_page(
        site,
        request,
        refused.status,
        *refused.errors,
        title=REFUSED_POST if request.method == "POST" else None,
        back=back(request, "/", wanted or None),
        headers=refused.headers,
        again=form_again(request, mendable, wrong, wanted) if mendable else None,
    )


async def answer_exception(site: Site, request: Request, exception: Exception) -> Response:
    """Answer what a handler raised, as a page or JSON. What failed inside goes to the log alone."""
    if isinstance(exception, RefusedError):
        return await refuse(site, request, exception)
    if isinstance(exception, PageError):
        return await error_page(site, request, exception.status, exception.message, title=exception.title)
    error = http_error(exception) or request_fault(request, exception)
    if error is None:
        log.error("%s %s failed", request.method, request.path, exc_info=exception)
        error = HttpError(500, FAILED)
    status, message = error.status, error.message
    if message in ("404", "Database not found"):
        message = f"There is no page {request.path}"
    if request.path.endswith(".json") or (request.path.startswith("/-/") and not wants_page(request)):
        body = {"ok": False, "errors": [message], "error": message, "status": status}
        return Response.json({**(error.extra or {}), **body}, status=status)
    if request.path.endswith(".csv") and not wants_page(request):
        return Response.text(f"{message}\n", status=status)
    return await error_page(site, request, status, message, title=error.title)


async def confirmation_page(
    site: Site, request: Request, question: str, fields: Fields, wanted: str
) -> Response:
    """Ask a browser whether to do what its form says; the answer is the same form with `sure`."""
    context = {
        "question": question,
        "path": request.path,
        "fields": {**fields.texts(), "sure": "1", "next": wanted},
        "back": back(request, "/", wanted or None),
    }
    return await page(site, request, "confirm.html", context)


def back(request: Request, otherwise: str, wanted: str | None = None) -> str:
    """Where a browser goes after a form: `wanted` or the page it came from if that lies on this site."""
    for url in (wanted, request.headers.get("referer")):
        parts = urlsplit(url or "")
        same = not parts.netloc or parts.netloc == request.headers.get("host")
        path = parts._replace(scheme="", netloc="").geturl()
        if url and same and re.match(r"/(?![/\\])", path) and path.isprintable() and "\\" not in path:
            return path
    return otherwise
