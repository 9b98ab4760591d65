"""Errors as pages of the house, or as JSON for programs; what failed inside is told to the log alone."""

import logging

from datasette import Response, hookimpl
from datasette.utils.asgi import Base400
from datasette.views.base import DatasetteError

from plugins.web.responses import wants_page

log = logging.getLogger("ingest.site")


@hookimpl
def handle_exception(datasette, request, exception):
    async def inner():
        title, extra = None, {}
        if isinstance(exception, Base400):
            status, message = exception.status, str(exception.args[0])
        elif isinstance(exception, DatasetteError):
            status, message, title = exception.status, exception.message, exception.title
            extra = exception.error_dict
        else:
            log.error("%s %s failed", request.method, request.path, exc_info=exception)
            status, message = 500, "Something went wrong here. The log of `voltkeeper web` says what."
        if message in ("404", "Database not found"):
            message = f"There is no page {request.path}"
        if request.path.endswith(".json") or (request.path.startswith("/-/") and not wants_page(request)):
            body = {**extra, "ok": False, "errors": [str(message)], "error": str(message), "status": status}
            return Response.json(body, status=status)
        context = {
            "title": title or ("Not found" if status == 404 else "Error"),
            "errors": [message],
            "status": status,
        }
        html = await datasette.render_template("error.html", context, request=request)
        return Response.html(html, status=status)

    return inner
