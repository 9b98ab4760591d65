"""The pages of what is kept as a series: channels of nodes, and figures of UPSes."""

from collections.abc import Sequence

from datasette import hookimpl

from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.pages import channel, ups_figure

FIELDS = {
    "range": "a span such as 24 h, 7 d or 1 y",
    "since": "a date or a time",
    "until": "a date or a time",
    "compare": "0: without the period before",
    "with": "other channels and figures, main/7/1/V_TEMP,rack@closet/ups.load",
    "page": "of the table of values",
}

ROUTES = (
    documented_route(
        r"^/nodes/(?P<gateway>[^/]+)/(?P<node_id>[^/]+)/(?P<child>[^/]+)/(?P<type>[^/]+)$",
        channel.channel,
        Endpoint(
            "A channel: its history, figures and readings",
            "TYPE is a symbol such as V_TEMP or its number.",
            fields={
                **FIELDS,
                "wrong": "1: readings that do not count alone",
                "before": "a time, UTC: older readings",
            },
            at={"GATEWAY": "{gateway}", "NODE_ID": "{node_id}", "CHILD": "{child}", "TYPE": "{type}"},
            answer="page",
        ),
    ),
    documented_route(
        r"^/channels/(?P<id>[^/]+)$",
        channel.moved,
        Endpoint(
            "A channel by its key: leads to its page",
            at={"ID": "{moved}"},  # no example: it answers with an address
            answer="page",
        ),
    ),
    documented_route(
        r"^/ups/(?P<name>[^/]+)/(?P<variable>[^/]+)$",
        ups_figure.figure,
        Endpoint(
            "A figure of a UPS: its history, by NUT's name of the variable",
            fields=FIELDS,
            at={"NAME": "{ups}", "VARIABLE": "{variable}"},
            answer="page",
        ),
    ),
)


@hookimpl
def register_routes() -> Sequence[Route]:
    """Routes that the right to read opens."""
    return ROUTES
