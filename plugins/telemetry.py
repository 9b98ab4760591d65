"""Addresses for programs written against other monitors: the EP20 monitor's JSON and Prometheus."""

from datasette import hookimpl

from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.export import telemetry


@hookimpl
def register_routes():
    return [
        documented_route(
            r"^/api/telemetry$",
            current,
            Endpoint(
                "The figures of a UPS now",
                "As EP20 monitors have them.",
                fields={"ups": "name; the first EP20, else the first UPS unless given"},
                example={"ups": "{ups}"},
            ),
        ),
        documented_route(
            r"^/api/health$", health, Endpoint("Does the site run", "As EP20 monitors have it.")
        ),
        documented_route(r"^/metrics$", metrics, Endpoint("Everything for Prometheus", answer="text")),
    ]


async def current(datasette, request):
    return await telemetry.telemetry(datasette, request)


async def health(datasette, request):
    return await telemetry.health(datasette, request)


async def metrics(datasette, request):
    return await telemetry.metrics(datasette, request)
