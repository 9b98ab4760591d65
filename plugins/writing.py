"""Writable canned queries, settings, orders to nodes, values of channels."""

from collections.abc import Sequence

from datasette import Request, Response, hookimpl
from datasette.app import Datasette
from starlette.types import Send

from plugins.web.actions import channels, node_orders, readings, retirement, settings, tariffs
from plugins.web.actions.edits import post_edit
from plugins.web.compat import query_page, written_queries
from plugins.web.endpoint import BY_QUERY, Route, documented_route
from plugins.web.query import DATABASE
from plugins.web.site import Site, site_of


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """A route for each writable query, which takes its POST from Datasette; settings and orders."""
    site = site_of(datasette)
    if not site.has_config:
        return ()
    writable = "|".join(
        name
        for name, query in written_queries(site).items()
        if isinstance(query, dict) and query.get("write")
    )
    pattern = rf"^/(?P<database>{DATABASE})/(?P<table>{writable})(\.(?P<format>json))?$"
    return (
        documented_route(pattern, edit, BY_QUERY),
        *readings.ROUTES,
        *node_orders.ROUTES,
        *channels.ROUTES,
        *settings.ROUTES,
        *retirement.ROUTES,
        *tariffs.ROUTES,
    )


async def edit(datasette: Site, request: Request, send: Send) -> Response:
    """The page of a writable query, and its POST."""
    if request.method == "POST":
        return await post_edit(datasette, request, request.url_vars["table"])
    return await query_page(datasette, request, send)
