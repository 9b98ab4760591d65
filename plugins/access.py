"""Rights for what Datasette itself serves; refusals with the missing right."""

from datasette import Request, Response, hookimpl
from datasette.app import Datasette
from jinja2 import Environment
from starlette.types import Scope

from plugins.web.auth.permissions import SIGN_IN, SQL_IS_OFF, has_right, may_write_sql, refusal
from plugins.web.compat import INTERNAL
from plugins.web.endpoint import takes_post
from plugins.web.identity import Actor
from plugins.web.responses import error_page, json_errors, wants_page
from plugins.web.site import Site, site_of
from plugins.web.table_guard import FOR_SIGNED_IN


@hookimpl
def prepare_jinja2_environment(env: Environment, datasette: Datasette) -> None:
    """`takes_sql`: pages link to the editor of SQL only where it is there."""
    env.globals["takes_sql"] = site_of(datasette).config.access.sql != "off"


@hookimpl
async def permission_allowed(
    datasette: Datasette, actor: Actor, action: str, resource: str | tuple[str, str] | None
) -> bool | None:
    """`read` for the instance, the right of each writable query; None leaves a decision to Datasette."""
    site = site_of(datasette)
    if action == "view-instance":
        return has_right(site, actor, "read")
    if action == "view-database" and resource == INTERNAL:
        return False
    if action == "execute-sql":
        return may_write_sql(site, actor)
    if action in ("permissions-debug", "debug-menu"):
        return has_right(site, actor, "maintain")
    if action == "view-query" and isinstance(resource, tuple):
        query = await site.get_canned_query(*resource, actor)
        if query and query.get("write"):
            return has_right(site, actor, query["right"])
    return None


@hookimpl
async def forbidden(datasette: Datasette, request: Request, message: str) -> Response:
    """The answer to what `permission_allowed` refused."""
    site = site_of(datasette)
    text = await _refusal_text(site, request, message)
    asks_json = "application/json" in request.headers.get("accept", "") or ".json" in request.path
    if asks_json and not wants_page(request):
        return json_errors(403 if request.actor else 401, text)
    return await error_page(site, request, 403, text)


async def _refusal_text(site: Site, request: Request, message: str) -> str:
    """Why not: for a writable query, which right is missing."""
    if message == "execute-sql":
        return SQL_IS_OFF if site.config.access.sql == "off" else SIGN_IN
    parts = request.path.strip("/").partition(".")[0].split("/")
    if request.actor is None and FOR_SIGNED_IN.intersection(parts[1:2]):
        return SIGN_IN
    if len(parts) == 2 and parts[0] in site.databases:
        query = await site.get_canned_query(*parts, request.actor)
        if query and query.get("write"):
            refused = refusal(site, request.actor, query["right"])
            return refused.errors[0] if refused else message
    return message


@hookimpl
def skip_csrf(scope: Scope) -> bool:
    """`read_form` checks the token of our POSTs itself: it reads multipart and JSON too."""
    return scope["method"] == "POST" and takes_post(scope["path"])
