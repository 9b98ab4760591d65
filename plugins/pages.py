"""The pages of the house and what every page carries."""

from datasette import hookimpl

from plugins.web.app.assets import asset
from plugins.web.auth.permissions import rights_of
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.pages import api, radio
from plugins.web.pages import home as pages
from plugins.web.prefix import prefix_templates
from plugins.web.responses import OWN_PAGE
from plugins.web.site import site_of
from reporting import formatting as words


@hookimpl
def register_routes():
    return [
        documented_route(r"^/$", home, Endpoint("Is everything all right?", answer="page")),
        documented_route(
            r"^/nodes$",
            nodes,
            Endpoint(
                "Nodes, worst first",
                fields={"q": "words to look for", **dict.fromkeys(pages.FACETS, "")},
                answer="page",
            ),
        ),
        documented_route(
            r"^/nodes/(?P<gateway>[^/]+)/(?P<node_id>[^/]+)$",
            node,
            Endpoint(
                "A node: sensors, battery, orders, messages",
                at={"GATEWAY": "{gateway}", "NODE_ID": "{node_id}"},
                answer="page",
            ),
        ),
        documented_route(
            r"^/radio$",
            air,
            Endpoint(
                "Who hears whom, and the log of messages",
                fields={**dict.fromkeys(radio.FILTERS, ""), "before": "id: only older messages"},
                answer="page",
            ),
        ),
        documented_route(r"^/api$", calls, Endpoint("What there is to call: this page", answer="page")),
        documented_route(r"^/api\.json$", calls, Endpoint("What there is to call, for programs")),
        documented_route(
            r"^/-/pulse\.json$",
            pulse,
            Endpoint(
                "What has changed",
                "A counter per topic, which rises when rows of the topic change: ask often, read when it rises.",
            ),
        ),
    ]


async def home(datasette, request):
    return await pages.home(datasette, request)


async def nodes(datasette, request):
    return await pages.nodes(datasette, request)


async def node(datasette, request):
    return await pages.node(datasette, request)


async def air(datasette, request):
    return await radio.radio(datasette, request)


async def calls(datasette, request):
    return await api.api(datasette, request)


async def pulse(datasette):
    return await pages.pulse(datasette)


@hookimpl
def prepare_jinja2_environment(env, datasette):
    words.register(env, site_of(datasette).timezone)
    env.globals["asset"] = asset
    env.filters["lined"] = radio.lined
    prefix_templates(env, site_of(datasette).root)


@hookimpl
def extra_template_vars(datasette, request, view_name, template):
    async def inner():
        actor = request.actor if request else None
        extra = {"house": await pages.shell(site_of(datasette), actor)}
        if view_name == OWN_PAGE:
            extra["rights"] = rights_of(datasette, actor)
        native = (
            request is not None
            and request.path.startswith("/telemetry")
            and not template.endswith("error.html")
        )
        if not native:  # the charts' megabyte of script is for tables and queries alone
            extra |= {"extra_js_urls": [], "extra_css_urls": []}
        return extra

    return inner
