"""The pages about power: UPSes, events and their feed, energy."""

from datasette import hookimpl

from ingest.site import energy, feed, happenings, upses


@hookimpl
def register_routes():
    return [
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


async def events(datasette, request):
    return await happenings.events(datasette, request)


async def atom(datasette, request):
    return await feed.feed(datasette, request)


async def power(datasette, request):
    return await energy.energy(datasette, request)
