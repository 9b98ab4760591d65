"""Everything that writes: writable canned queries and orders to nodes."""

from datasette import hookimpl
from datasette.views.table import TableView

from ingest.mysensors.commands import ORDERS
from plugins.web.actions.edits import run_edit
from plugins.web.actions.node_orders import post_orders
from plugins.web.endpoint import BY_QUERY, Endpoint, documented_route, takes_post
from plugins.web.query import DATABASE
from plugins.web.site import site_of

ORDER = Endpoint(
    "Place an order to a node",
    "A row of outbox, which says when it was sent, echoed, or why it failed.",
    "POST",
    "order",
    {
        "node": "id of the table nodes, or GATEWAY/NODE_ID",
        "order": ", ".join(ORDERS),
        "line": "a line of your own in place of an order",
        "all": "1: ask all nodes for their presentation",
    },
    {"node": "{node}", "order": "presentation"},
)


@hookimpl
def register_routes(datasette):
    if not site_of(datasette).has_config:
        return []
    queries = datasette.metadata("queries", database=DATABASE, fallback=False) or {}
    writable = "|".join(
        name for name, query in queries.items() if isinstance(query, dict) and query.get("write")
    )
    pattern = rf"^/(?P<database>{DATABASE})/(?P<table>{writable})(\.(?P<format>json))?$"
    return [documented_route(pattern, edit, BY_QUERY), documented_route(r"^/-/orders$", orders, ORDER)]


@hookimpl
def skip_csrf(scope):
    """`read_form` checks the token of these itself: it reads multipart and JSON too."""
    return scope["method"] == "POST" and takes_post(scope["path"])


async def edit(datasette, request, send):
    if request.method == "POST":
        return await run_edit(datasette, request, request.url_vars["table"])
    return await TableView.as_view(datasette)(request, send)


async def orders(datasette, request):
    return await post_orders(datasette, request)
