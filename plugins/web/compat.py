"""Seams to Datasette 0.65 that 1.0 moves: what an upgrade has to look at first.

Beside these stand the overrides of `plugins.web.site.Site` (1.0 has an attribute `config` of its own) and the
hooks `permission_allowed`, `forbidden` and `skip_csrf` in `plugins/access.py`, which 1.0 replaces.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from datasette import Request, Response
from datasette.cli import check_databases
from datasette.plugins import pm
from datasette.utils.asgi import Base400
from datasette.views.base import DatasetteError
from datasette.views.table import TableView
from starlette.types import Send

from plugins.web.endpoint import Json, Route
from plugins.web.query import DATABASE
from plugins.web.site import Site


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


def drop_error_pages() -> None:
    """Take Datasette's plugin of error pages out: it would render one beside ours."""
    if pm.has_plugin("datasette.handle_exception"):
        pm.unregister(name="datasette.handle_exception")


async def start_up(site: Site) -> None:
    """What `datasette serve` does before it serves. Raises click.ClickException."""
    await site.invoke_startup()
    await check_databases(site)


class HttpError(NamedTuple):
    """An exception of Datasette's as an answer. `extra` are keys of a JSON answer."""

    status: int
    message: str
    title: str | None = None
    extra: Json | None = None


def http_error(exception: Exception) -> HttpError | None:
    """What Datasette means by an exception; None for one that is not meant."""
    if isinstance(exception, Base400):
        return HttpError(exception.status, str(exception.args[0]))
    if isinstance(exception, DatasetteError):
        return HttpError(exception.status, str(exception.message), exception.title, exception.error_dict)
    return None
