"""Seams to Datasette 0.65 that 1.0 moves: what an upgrade has to look at first.

Beside these stand the overrides of `plugins.web.site.Site` (1.0 has an attribute `config` of its own) and the
hooks `permission_allowed`, `forbidden` and `skip_csrf` in `plugins/access.py`, which 1.0 replaces.
"""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from datasette import Request, Response
from datasette.cli import check_databases
from datasette.database import QueryInterrupted
from datasette.plugins import pm
from datasette.utils import async_call_with_supported_arguments
from datasette.utils.asgi import Base400
from datasette.views.base import DatasetteError
from datasette.views.table import TableView
from starlette.types import Receive, Send

from plugins.web.endpoint import Handler, Json, Route
from plugins.web.query import DATABASE
from plugins.web.site import Site
from plugins.web.table_guard import answer_of, is_hidden

INTERNAL = (
    "_internal"  # Datasette's catalog of schemas, a database in memory; 1.0 has it apart from the others
)


def written_queries(site: Site) -> Json:
    """Name -> canned query of metadata.yml. In 1.0 they stand in the configuration."""
    return site.metadata("queries", database=DATABASE, fallback=False) or {}


def described_tables(site: Site) -> dict[str, Json]:
    """Name -> what metadata.yml says of a table or view. In 1.0 it is read from the internal database."""
    return site.metadata("tables", database=DATABASE, fallback=False) or {}


async def query_page(site: Site, request: Request, send: Send) -> Response:
    """Datasette's own answer to a GET of a canned query. In 1.0 queries have a view of their own."""
    return await TableView.as_view(site)(request, send)


def registered_routes(site: Site) -> Iterator[Route]:
    """(pattern, handler) of every route that a hook file of ours registers."""
    for hook in pm.hook.register_routes.get_hookimpls():
        if Path(getattr(hook.plugin, "__file__", None) or "/").parent == Path(site.plugins_dir):
            yield from hook.function(*[site for _ in hook.argnames]) or ()


def or_other_plugin(post: Handler) -> Handler:
    """A handler of POSTs whose address another plugin may answer to a GET: Datasette routes by path alone."""

    async def handle(datasette: Site, request: Request, send: Send, receive: Receive) -> Response:
        found = _other_route(datasette, request.scope["path"]) if request.method != "POST" else None
        if found is None:
            return await post(datasette, request)
        handler, parts = found
        scope = {**request.scope, "url_route": {"kwargs": parts}}
        asked = Request(scope, receive)
        return await async_call_with_supported_arguments(
            handler, datasette=datasette, request=asked, scope=scope, send=send, receive=receive
        )

    return handle


def _other_route(site: Site, path: str) -> tuple[Handler, dict[str, str]] | None:
    """The handler that a plugin which is not ours registers for a path, and the named parts of the path."""
    for hook in pm.hook.register_routes.get_hookimpls():
        if Path(getattr(hook.plugin, "__file__", None) or "/").parent == Path(site.plugins_dir):
            continue
        for pattern, handler in hook.function(*[site for _ in hook.argnames]) or ():
            if match := re.match(pattern, path):
                return handler, match.groupdict()
    return None


def drop_error_pages() -> None:
    """Take Datasette's plugin of error pages out: it would render one beside ours."""
    if pm.has_plugin("datasette.handle_exception"):
        pm.unregister(name="datasette.handle_exception")


def drop_actor_cookie() -> None:
    """Take Datasette's plugin that believes its own cookie out: sessions here can be ended."""
    if pm.has_plugin("datasette.actor_auth_cookie"):
        pm.unregister(name="datasette.actor_auth_cookie")


def drop_facet_warnings() -> None:
    """Keep out of the log that Datasette drops its other facets where one has failed."""
    message = r"coroutine '(TableView|\w*Facet)\..*' was never awaited"
    warnings.filterwarnings("ignore", message, RuntimeWarning)


async def start_up(site: Site) -> None:
    """What `datasette serve` does before it serves. Raises click.ClickException."""
    await site.invoke_startup()
    await check_databases(site)


def busy_error() -> DatasetteError:
    """What a statement raises for which there is no time left before others."""
    message = "Too many queries are running, of this address or of others: try again in some seconds."
    return DatasetteError(message, title="Too busy", status=503)


def too_large_error(limit: int) -> DatasetteError:
    """What a statement raises whose rows are more than `limit` bytes and cannot be marked as cut."""
    message = (
        f"The answer is larger than {limit / 2**20:g} MB: ask for fewer rows (_size=, limit), fewer columns "
        "(_col=) or shorter values."
    )
    return DatasetteError(message, title="Too large", status=400)


TOO_SLOW = (
    "SQL query took too long, and was stopped: ask for a shorter time, for one node or UPS, or for fewer "
    "rows (`limit`). Where the machine is busy, try it again."
)


class HttpError(NamedTuple):
    """An exception of Datasette's as an answer. `extra` are keys of a JSON answer."""

    status: int
    message: str
    title: str | None = None
    extra: Json | None = None


def http_error(exception: Exception) -> HttpError | None:
    """What Datasette means by an exception; None for one that is not meant."""
    if isinstance(exception, QueryInterrupted) or isinstance(exception.__context__, QueryInterrupted):
        return HttpError(400, TOO_SLOW, "The query was stopped")
    if isinstance(exception, Base400):
        return HttpError(exception.status, str(exception.args[0]))
    if is_hidden(exception):
        return HttpError(403, str(answer_of(exception)))
    if isinstance(exception, DatasetteError):
        # Without a status of its own it is raised for parameters alone, as for a `_sort` that does not exist.
        status = 400 if exception.status == 500 else exception.status
        return HttpError(status, str(exception.message), exception.title, exception.error_dict)
    return None
