"""Who may read and write what Datasette itself serves; refusals in words."""

from datasette import Response, hookimpl

from plugins.web.app.guard import guard
from plugins.web.auth import permissions as access
from plugins.web.responses import json_errors, wants_page
from plugins.web.site import site_of


@hookimpl
def asgi_wrapper(datasette):
    def wrap(app):
        return guard(app, datasette) if site_of(datasette).has_config else app

    return wrap


@hookimpl
def permission_allowed(datasette, actor, action, resource):
    async def inner():
        if action == "view-instance":
            return access.has_right(datasette, actor, "read")
        if action == "view-database" and resource == "_internal":
            return False
        if action in ("permissions-debug", "debug-menu"):
            return access.has_right(datasette, actor, "maintain")
        if action == "view-query":
            query = await datasette.get_canned_query(*resource, actor)
            if query and query.get("write"):
                return access.has_right(datasette, actor, query["right"])
        return None

    return inner


@hookimpl
def forbidden(datasette, request, message):
    async def inner():
        words = await _words(datasette, request, message)
        status = 403 if request.actor else 401
        asks_json = "application/json" in request.headers.get("accept", "") or ".json" in request.path
        if asks_json and not wants_page(request):
            return json_errors(status, words)
        context = {"title": "Not allowed", "errors": [words], "status": 403}
        return Response.html(
            await datasette.render_template("error.html", context, request=request), status=403
        )

    return inner


async def _words(datasette, request, message):
    """Why not: for a writable query in the words of the right that is missing."""
    parts = request.path.strip("/").partition(".")[0].split("/")
    if len(parts) == 2 and parts[0] in datasette.databases:
        query = await datasette.get_canned_query(*parts, request.actor)
        if query and query.get("write"):
            refused = access.refusal(datasette, request.actor, query["right"])
            return refused.errors[0] if refused else message
    return message
