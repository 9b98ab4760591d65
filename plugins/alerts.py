"""/-/alerts: targets, rules, deliveries and mutes, with their actions."""

from collections.abc import Sequence

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.actions import alert_trials, mutes
from plugins.web.endpoint import Route
from plugins.web.pages.alerts import ALERTS
from plugins.web.site import site_of

ROUTES = (ALERTS, *mutes.ROUTES, *alert_trials.ROUTES)


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """The page and its actions, which need rights."""
    return ROUTES if site_of(datasette).has_config else ()
