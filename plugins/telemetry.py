"""Addresses for programs written against other monitors: the EP20 monitor's JSON and Prometheus."""

from collections.abc import Sequence

from datasette import hookimpl

from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.export import ep20_api, prometheus

ROUTES = (
    documented_route(
        r"^/api/telemetry$",
        ep20_api.telemetry,
        Endpoint(
            "Current values of a UPS",
            "In the format of EP20 monitors.",
            fields={"ups": "name; the first EP20, else the first UPS unless given"},
            example={"ups": "{ups}"},
        ),
    ),
    documented_route(
        r"^/api/health$", ep20_api.health, Endpoint("Health of the site", "In the format of EP20 monitors.")
    ),
    documented_route(r"^/metrics$", prometheus.metrics, Endpoint("Metrics for Prometheus", answer="text")),
)


@hookimpl
def register_routes() -> Sequence[Route]:
    """Routes that the right to read opens."""
    return ROUTES
