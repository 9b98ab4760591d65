"""The pages about nodes, the API, and what every page carries."""

from collections.abc import Sequence

from datasette import Request, hookimpl
from datasette.app import Datasette
from jinja2 import Environment

from plugins.web.app.assets import asset
from plugins.web.auth.permissions import rights_of
from plugins.web.endpoint import Endpoint, Json, Route, documented_route
from plugins.web.pages import api, channel, home, nodes, pulse, radio
from plugins.web.pages.shell import shell
from plugins.web.prefix import prefix_templates
from plugins.web.render.filters import register_filters
from plugins.web.responses import OWN_PAGE
from plugins.web.site import site_of

ROUTES = (
    documented_route(r"^/$", home.home, Endpoint("Overview: what needs attention", answer="page")),
    documented_route(
        r"^/nodes$",
        nodes.nodes,
        Endpoint(
            "Nodes, worst first",
            fields={"q": "words to look for", **dict.fromkeys(nodes.FACETS, "")},
            answer="page",
        ),
    ),
    documented_route(
        r"^/nodes/(?P<gateway>[^/]+)/(?P<node_id>[^/]+)$",
        nodes.node,
        Endpoint(
            "A node: sensors, battery, orders, messages",
            at={"GATEWAY": "{gateway}", "NODE_ID": "{node_id}"},
            answer="page",
        ),
    ),
    documented_route(
        r"^/channels/(?P<id>[^/]+)$",
        channel.channel,
        Endpoint(
            "A channel: its values, and which of them count",
            fields={"range": "", "wrong": "1: readings that do not count alone", "before": "a time, UTC"},
            at={"ID": "{channel}"},
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
    documented_route(r"^/api$", api.api, Endpoint("API: this page", answer="page")),
    documented_route(r"^/api\.json$", api.api, Endpoint("API, for programs")),
    documented_route(
        r"^/-/pulse\.json$",
        pulse.pulse,
        Endpoint(
            "What has changed",
            "A counter per topic, which rises when rows of the topic change: ask often, read when it rises.",
        ),
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
    env.globals["asset"] = asset
    prefix_templates(env, site.root)


@hookimpl
async def extra_template_vars(
    datasette: Datasette, request: Request | None, view_name: str | None, template: str
) -> Json:
    """`site` for every page, `rights` for our own ones."""
    site, actor = site_of(datasette), request.actor if request else None
    extra: Json = {"site": await shell(site, actor)}
    if view_name == OWN_PAGE:
        extra["rights"] = rights_of(site, actor)
    is_native = request is not None and request.path.startswith("/telemetry")
    if not is_native or template.endswith("error.html"):
        # The megabyte of script for charts is for tables and queries alone.
        extra |= {"extra_js_urls": [], "extra_css_urls": []}
    return extra
