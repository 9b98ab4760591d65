"""The pages about power: UPSes and what they are told to do, events and their feed, energy."""

from datasette import hookimpl

from ingest.site import energy, feed, happenings, ups_orders, upses
from ingest.site.forms import post_route


@hookimpl
def register_routes(datasette):
    deeds = [post_route(r"^/-/ups/commands$", commands), post_route(r"^/-/ups/settings$", settings)]
    return [
        *(deeds if hasattr(datasette, "rights") else []),
        (r"^/ups$", overview),
        (r"^/ups/(?P<name>[^/]+)$", ups),
        (r"^/events$", events),
        (r"^/events\.atom$", atom),
        (r"^/energy$", power),
    ]


async def overview(datasette, request):
    return await upses.side_by_side(datasette, request)


async def ups(datasette, request):
    return await upses.one(datasette, request)


async def commands(datasette, request):
    return await ups_orders.commands(datasette, request)


async def settings(datasette, request):
    return await ups_orders.settings(datasette, request)


async def events(datasette, request):
    return await happenings.events(datasette, request)


async def atom(datasette, request):
    return await feed.feed(datasette, request)


async def power(datasette, request):
    return await energy.energy(datasette, request)
