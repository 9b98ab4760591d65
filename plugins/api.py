"""The API: its page, its descriptions for programs, and how programs follow what changes."""

from collections.abc import Sequence

from datasette import hookimpl

from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.live import event_stream
from plugins.web.openapi.document import openapi
from plugins.web.pages import api, pulse

ROUTES = (
    documented_route(
        r"^/api$", api.api, Endpoint("API: this page", fields={"q": "words to look for"}, answer="page")
    ),
    documented_route(r"^/api\.json$", api.api, Endpoint("API, for programs")),
    documented_route(
        r"^/openapi\.json$",
        openapi,
        Endpoint("API, for programs that read OpenAPI 3.1", "From the same list as this page."),
    ),
    documented_route(
        r"^/-/pulse\.json$",
        pulse.pulse,
        Endpoint(
            "What has changed",
            "A counter per topic, which rises when rows of the topic change: ask often, read when it rises.",
        ),
    ),
    documented_route(
        r"^/-/events\.stream$",
        event_stream.stream,
        Endpoint(
            "Beginnings and ends of events, as they come",
            "Server-Sent Events: the data of each item are JSON with event, name, started_at and ended_at, "
            "which is null at a beginning. With the header Last-Event-ID those after that item come first, "
            "without it only new ones.",
            fields={
                "last_event_id": "as the header, for clients that cannot send it",
                "for_s": "seconds until it ends; 0: at once after what there is; an hour unless given",
            },
            example={"last_event_id": "0", "for_s": "0"},
            answer="stream",
        ),
    ),
)


@hookimpl
def register_routes() -> Sequence[Route]:
    """Routes that the right to read opens."""
    return ROUTES
