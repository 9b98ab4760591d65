"""Addresses for programs written against other monitors: the EP20 monitor's JSON and Prometheus."""

from datasette import hookimpl

from ingest.site import telemetry


@hookimpl
def register_routes():
    return [(r"^/api/telemetry$", current), (r"^/api/health$", health), (r"^/metrics$", metrics)]


async def current(datasette, request):
    return await telemetry.telemetry(datasette, request)


async def health(datasette, request):
    return await telemetry.health(datasette, request)


async def metrics(datasette, request):
    return await telemetry.metrics(datasette, request)
