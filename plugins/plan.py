"""/-/plan: outage plans as timelines, and their last runs."""

from collections.abc import Sequence

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.endpoint import Route
from plugins.web.pages.plan import PLAN
from plugins.web.site import site_of


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """The page, where there is a config."""
    return (PLAN,) if site_of(datasette).has_config else ()
