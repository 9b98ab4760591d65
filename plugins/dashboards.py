"""The home page and dashboards, and the actions that arrange them."""

from collections.abc import Sequence

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.actions import dashboards
from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.pages import home
from plugins.web.site import site_of

SHOWN = {
    "arrange": "1: with the forms that arrange its cards",
    "kiosk": "1: without navigation, for a tablet on the wall",
}
NAME = {"NAME": "home"}

ROUTES = (
    documented_route(
        r"^/$", home.home, Endpoint("Overview: what needs attention", fields=SHOWN, answer="page")
    ),
    documented_route(r"^/dash$", home.dashboards, Endpoint("All dashboards", answer="page")),
    documented_route(
        r"^/dash/(?P<name>[a-z0-9_-]{1,40})$",
        home.dashboard,
        Endpoint(
            "A dashboard that users arranged",
            fields=SHOWN,
            at={"NAME": "{dashboard}"},
            answer="page",
        ),
    ),
    documented_route(
        r"^/dash/(?P<name>[a-z0-9_-]{1,40})\.json$",
        home.dashboard_json,
        Endpoint(
            "The cards of a dashboard",
            "As POST /-/dashboards/NAME takes them. The figures of the tiles are the query house_now.",
            at=NAME,
        ),
    ),
)


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """Pages that the right to read opens; arranging them needs the right to edit."""
    return (*ROUTES, *(dashboards.ROUTES if site_of(datasette).has_config else ()))
