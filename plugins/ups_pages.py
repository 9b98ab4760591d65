"""The pages about power: UPSes and orders to them, events and their feed, energy; reports of all of it."""

from collections.abc import Sequence

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.actions import acknowledgements, ups_orders
from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.export.atom import feed
from plugins.web.pages import ups
from plugins.web.pages.energy import energy
from plugins.web.pages.events import events
from plugins.web.pages.reports import report
from plugins.web.pages.ups_choice import FACETS, PER_PAGE, SORTS
from plugins.web.site import site_of
from reporting.periods import PERS
from reporting.report_period import PERIODS

RANGE = {"range": "a span such as 24 h, 7 d or 1 y", "since": "a date or a time", "until": "a date or a time"}
EVENTS = {"kind": "UPS, node, gateway or clock", "event": "ONBATT, NODE_SILENT, ..."}

ROUTES = (
    documented_route(
        r"^/ups$",
        ups.side_by_side,
        Endpoint(
            "UPSes side by side",
            f"{PER_PAGE} at a time.",
            fields={
                "page": "number of the page, from 1",
                "sort": ", ".join(filter(None, SORTS)),
                "q": "words to look for",
                **dict.fromkeys(FACETS, ""),
                **RANGE,
            },
            answer="page",
        ),
    ),
    documented_route(
        r"^/ups/(?P<name>[^/]+)$",
        ups.one,
        Endpoint(
            "A UPS: figures, charts, outages, battery", fields=RANGE, at={"NAME": "{ups}"}, answer="page"
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
        feed,
        Endpoint("Events as an Atom feed", fields={"ups": "name", **EVENTS}, answer="Atom"),
    ),
    documented_route(
        r"^/energy$",
        energy,
        Endpoint("Energy and its cost", fields={"per": ", ".join(PERS), **RANGE}, answer="page"),
    ),
    documented_route(
        r"^/reports$",
        report,
        Endpoint(
            "Report of a day, week, month or year, to be printed",
            "The last whole month unless another period is given.",
            fields={
                "period": ", ".join(PERIODS),
                "of": "a day in it, 2026-11 or 2026",
                "since": RANGE["since"],
                "until": RANGE["until"],
            },
            answer="page",
        ),
    ),
)


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """Pages that the right to read opens, and orders and acknowledgements, which need rights of their own."""
    writing = (*ups_orders.ROUTES, *acknowledgements.ROUTES) if site_of(datasette).has_config else ()
    return (*ROUTES, *writing)
