"""The pages of the house and what every page carries."""

from datasette import hookimpl

from plugins.web.app.assets import asset
from plugins.web.endpoint import Call, described
from plugins.web.pages import api, radio
from plugins.web.pages import home as pages
from plugins.web.prefix import prefix_templates
from reporting import formatting as words


@hookimpl
def register_routes():
    return [
        described(r"^/$", home, Call("Is everything all right?", answer="page")),
        described(
            r"^/nodes$",
            nodes,
            Call(
                "Nodes, worst first",
                fields={"q": "words to look for", **dict.fromkeys(pages.FACETS, "")},
                answer="page",
            ),
        ),
        described(
            r"^/nodes/(?P<gateway>[^/]+)/(?P<node_id>[^/]+)$",
            node,
            Call(
                "A node: sensors, battery, orders, messages",
                at={"GATEWAY": "{gateway}", "NODE_ID": "{node_id}"},
                answer="page",
            ),
        ),
        described(
            r"^/radio$",
            air,
            Call(
                "Who hears whom, and the log of messages",
                fields={**dict.fromkeys(radio.FILTERS, ""), "before": "id: only older messages"},
                answer="page",
            ),
        ),
        described(r"^/api$", calls, Call("What there is to call: this page", answer="page")),
        described(r"^/api\.json$", calls, Call("What there is to call, for programs")),
        described(
            r"^/-/pulse\.json$",
            pulse,
            Call(
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
    words.register(env, getattr(datasette, "timezone", "UTC"))
    env.globals["asset"] = asset
    env.filters["lined"] = radio.lined
    prefix_templates(env, getattr(datasette, "root", ""))


@hookimpl
def extra_template_vars(datasette, request, view_name, template):
    async def inner():
        actor = request.actor if request else None
        extra = {"house": await pages.shell(datasette, actor)}
        native = (
            request is not None
            and request.path.startswith("/telemetry")
            and not template.endswith("error.html")
        )
        if not native:  # the charts' megabyte of script is for tables and queries alone
            extra |= {"extra_js_urls": [], "extra_css_urls": []}
        return extra

    return inner
