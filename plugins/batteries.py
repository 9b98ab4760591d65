"""The calendar of batteries that will be empty."""

from collections.abc import Sequence

from datasette import hookimpl

from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.export.calendar import calendar

ROUTES = (
    documented_route(
        r"^/batteries\.ics$",
        calendar,
        Endpoint(
            "Calendar of batteries",
            "A day for each battery of a node that will be empty, with a reminder 14 days before; for "
            "programs that subscribe to calendars (iCalendar).",
            answer="calendar",
        ),
    ),
)


@hookimpl
def register_routes() -> Sequence[Route]:
    """A route that the right to read opens."""
    return ROUTES
