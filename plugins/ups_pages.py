"""The pages about power: UPSes and what they are told to do, events and their feed, energy; reports of all of it."""

from datasette import hookimpl

from plugins.web.actions import ups_orders
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.export import atom as feed
from plugins.web.pages import energy, reports
from plugins.web.pages import events as happenings
from plugins.web.pages import ups as upses
from plugins.web.site import site_of
from reporting.periods import PERS
from reporting.report_period import PERIODS

SPAN = {"range": "a span such as 24 h, 7 d or 1 y", "since": "a date or a time", "until": "a date or a time"}
EVENTS = {"kind": "UPS, node, gateway or clock", "event": "ONBATT, NODE_SILENT, ..."}
COMMAND = {
    "ups": "name, or id of the table ups",
    "command": "an instant command that config.yml lists for it",
}
SETTING = {
    "ups": "name, or id of the table ups",
    "variable": "one that config.yml lists under settings",
    "value": "what it is to be",
}


@hookimpl
def register_routes(datasette):
    asked = (
        {"ups": "{commanded}", "command": "{command}"},
        {"ups": "{set}", "variable": "{setting}", "value": "{value}"},
    )
    words = "A row of ups_orders; it goes out once, within a minute, or not at all."
    deeds = [
        documented_route(
            r"^/-/ups/commands$",
            commands,
            Endpoint("What a command to a UPS would do", fields=COMMAND, example=asked[0], answer="page"),
            Endpoint("Give a UPS a command", words, "POST", "order", COMMAND, asked[0]),
        ),
        documented_route(
            r"^/-/ups/settings$",
            settings,
            Endpoint("What a setting of a UPS would change", fields=SETTING, example=asked[1], answer="page"),
            Endpoint("Change a setting of a UPS", words, "POST", "order", SETTING, asked[1]),
        ),
    ]
    return [
        *(deeds if site_of(datasette).has_config else []),
        documented_route(r"^/ups$", overview, Endpoint("UPSes side by side", answer="page")),
        documented_route(
            r"^/ups/(?P<name>[^/]+)$",
            ups,
            Endpoint(
                "A UPS: figures, charts, outages, battery", fields=SPAN, at={"NAME": "{ups}"}, answer="page"
            ),
        ),
        documented_route(
            r"^/events$",
            events,
            Endpoint(
                "Outages, and events of everything",
                fields={"tab": "all: not the outages alone", "ups": "name", "month": "2026-11", **EVENTS},
                answer="page",
            ),
        ),
        documented_route(
            r"^/events\.atom$",
            atom,
            Endpoint("Events as an Atom feed", fields={"ups": "name", **EVENTS}, answer="Atom"),
        ),
        documented_route(
            r"^/energy$",
            power,
            Endpoint("Energy and what it costs", fields={"per": ", ".join(PERS), **SPAN}, answer="page"),
        ),
        documented_route(
            r"^/reports$",
            reported,
            Endpoint(
                "What a day, week, month or year was like, to be printed",
                "The last whole month unless it is asked otherwise.",
                fields={
                    "period": ", ".join(PERIODS),
                    "of": "a day in it, 2026-11 or 2026",
                    "since": SPAN["since"],
                    "until": SPAN["until"],
                },
                answer="page",
            ),
        ),
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


async def reported(datasette, request):
    return await reports.report(datasette, request)
