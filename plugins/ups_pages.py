"""The pages about power: UPSes, events, energy."""

from datasette import hookimpl

from ingest.site import energy, happenings, upses
from ingest.site.calls import Call, described
from ingest.site.periods import PERS


SPAN = {"range": "a span such as 24 h, 7 d or 1 y", "since": "a date or a time", "until": "a date or a time"}


@hookimpl
def register_routes():
    return [
        described(r"^/ups$", overview, Call("UPSes side by side", answer="page")),
        described(
            r"^/ups/(?P<name>[^/]+)$", ups,
            Call("A UPS: figures, charts, outages, battery", fields=SPAN, at={"NAME": "{ups}"}, answer="page"),
        ),
        described(
            r"^/events$", events,
            Call("Outages and events of UPSes", fields={"tab": "all: not the outages alone", "ups": "name", "event": "ONBATT, ...", "month": "2026-11"},
                 answer="page"),
        ),
        described(r"^/energy$", power, Call("Energy and what it costs", fields={"per": ", ".join(PERS), **SPAN}, answer="page")),
    ]


async def overview(datasette, request):
    return await upses.side_by_side(datasette, request)


async def ups(datasette, request):
    return await upses.one(datasette, request)


async def events(datasette, request):
    return await happenings.events(datasette, request)


async def power(datasette, request):
    return await energy.energy(datasette, request)
