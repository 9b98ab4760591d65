"""/-/maintenance with its actions, a copy to download, /-/batteries, /-/delete and /-/replace."""

from collections.abc import Sequence

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.actions import batteries, battery_changes, deletions, replacements
from plugins.web.actions import maintenance as actions
from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.pages.maintenance import maintenance
from plugins.web.site import site_of

ROUTES = (
    documented_route(
        r"^/-/maintenance$",
        maintenance,
        Endpoint(
            "Maintenance: storage, retention, daily jobs, sources",
            "Programs that do not ask for HTML get JSON.",
            answer="page",
        ),
    ),
    *actions.ROUTES,
    *batteries.ROUTES,
    *battery_changes.ROUTES,
    *deletions.ROUTES,
    *replacements.ROUTES,
)


@hookimpl
def startup(datasette: Datasette) -> None:
    """Remove what downloads of a killed site left."""
    site = site_of(datasette)
    if site.has_config:
        actions.remove_leftovers(site.config.database)


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """The page and its actions, which need rights."""
    return ROUTES if site_of(datasette).has_config else ()
