"""Searching the site by words."""

from collections.abc import Sequence

from datasette import hookimpl

from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.pages import search
from reporting.search import LONGEST, MOST_EVENTS, MOST_FOUND

FIELDS = {
    "q": f"words in any order, at most {LONGEST} characters; case and accents do not count",
    "in": f"one kind alone: {', '.join(search.KINDS)}",
}

ROUTES = (
    documented_route(
        r"^/search$",
        search.search_page,
        Endpoint("Search: nodes, UPSes, values, events, queries, pages", fields=FIELDS, answer="page"),
    ),
    documented_route(
        r"^/search\.json$",
        search.search_json,
        Endpoint(
            "What has these words",
            f"Up to {MOST_FOUND} results of each kind; of events the newest {MOST_EVENTS} are searched. "
            "`more` says that there may be others. Messages are not searched.",
            fields=FIELDS,
            example={"q": "temperature"},
        ),
    ),
)


@hookimpl
def register_routes() -> Sequence[Route]:
    """Routes that the right to read opens."""
    return ROUTES
