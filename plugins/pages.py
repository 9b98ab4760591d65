"""The pages about nodes, and what every page carries."""

from collections.abc import Sequence

from datasette import Request, hookimpl
from datasette.app import Datasette
from jinja2 import Environment

from plugins.web.app.assets import asset, datasette_asset
from plugins.web.auth.permissions import rights_of
from plugins.web.endpoint import Endpoint, Json, Route, documented_route
from plugins.web.live.layer import VERSION
from plugins.web.on_request import on_request
from plugins.web.pages import manifest, node, nodes, radio
from plugins.web.pages.node_choice import FACETS, ORDERS
from plugins.web.pages.shell import shell
from plugins.web.prefix import prefix_templates
from plugins.web.render.filters import register_filters
from plugins.web.responses import OWN_PAGE, PLAIN_VIEWS
from plugins.web.site import site_of

ROUTES = (
    documented_route(
        r"^/nodes$",
        nodes.nodes,
        Endpoint(
            "Nodes, worst first",
            fields={
                **{"q": "words to look for", "page": "number of the page, from 1"},
                **{"sort": f"{', '.join(ORDERS)}; - before it: the other way round"},
                **dict.fromkeys(FACETS, ""),
            },
            answer="page",
        ),
    ),
    documented_route(
        r"^/nodes/(?P<gateway>[^/]+)/(?P<node_id>[^/]+)$",
        node.node,
        Endpoint(
            "A node: sensors, battery, orders, messages",
            at={"GATEWAY": "{gateway}", "NODE_ID": "{node_id}"},
            answer="page",
        ),
    ),
    documented_route(
        r"^/radio$",
        radio.radio,
        Endpoint(
            "Topology, and the log of messages",
            fields={**dict.fromkeys(radio.FILTERS, ""), "before": "id: only older messages"},
            answer="page",
        ),
    ),
    documented_route(
        r"^/manifest\.webmanifest$",
        manifest.manifest,
        Endpoint("The site as an application: its name and icons", right=None),
    ),
)


@hookimpl
def register_routes() -> Sequence[Route]:
    """Routes that the right to read opens."""
    return ROUTES


@hookimpl
def prepare_jinja2_environment(env: Environment, datasette: Datasette) -> None:
    """Filters and globals of templates."""
    site = site_of(datasette)
    register_filters(env, site.timezone)
    env.globals.update(asset=asset, datasette_asset=datasette_asset)
    prefix_templates(env, site.root)


@hookimpl
async def extra_template_vars(
    datasette: Datasette, request: Request | None, view_name: str | None, template: str
) -> Json:
    """`site` for every page, `rights` for our own ones."""
    site, actor = site_of(datasette), request.actor if request else None
    extra: Json = {"site": await shell(site, actor), "native": view_name in PLAIN_VIEWS}
    extra |= {"on_request": on_request(request), "live_version": request and request.scope.get(VERSION)}
    extra |= {"rights": rights_of(site, actor)} if view_name == OWN_PAGE else {}
    if not extra["on_request"].chart or template.endswith("error.html"):
        extra |= {"extra_js_urls": [], "extra_css_urls": []}
    return extra
