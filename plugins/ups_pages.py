"""The pages about power: UPSes and orders to them, events and their feed, energy; reports of all of it."""

from collections.abc import Sequence

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.actions import acknowledgements, reports, ups_orders
from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.export.atom import feed
from plugins.web.pages import ups
from plugins.web.pages.energy import UNITS, energy
from plugins.web.pages.events import events
from plugins.web.pages.outages import outage
from plugins.web.pages.reports import report
from plugins.web.pages.ups_choice import FACETS, PER_PAGE, SORTS
from plugins.web.site import site_of
from reporting.report_period import PERIODS

SPAN = {"since": "a date or a time", "until": "a date or a time"}
RANGE = {"range": "a span such as 24 h, 7 d or 1 y", **SPAN}
PERIOD = {"period": ", ".join(PERIODS), "of": "a day in it, 2026-11 or 2026", **SPAN}
WHEN = {"month": "2026-11", "day": "2026-11-28"}
EVENTS = {"kind": "UPS, node, gateway, disk, clock or machine", "event": "ONBATT, NODE_SILENT, ..."}

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
            "A UPS: figures, charts, outages, battery",
            fields={**RANGE, "watts": "a load in W: how long a full charge lasts with it"},
            at={"NAME": "{ups}"},
            answer="page",
        ),
    ),
    documented_route(
        r"^/events$",
        events,
        Endpoint(
            "Outages, and events of everything",
            fields={"tab": "all: not the outages alone", "ups": "name", **WHEN, **EVENTS},
            answer="page",
        ),
    ),
    documented_route(
        r"^/outages/(?P<id>[^/]+)$",
        outage,
        Endpoint("An outage: what each UPS did, minute by minute", at={"ID": "{outage}"}, answer="page"),
    ),
    documented_route(
        r"^/events\.atom$",
        feed,
        Endpoint("Events as an Atom feed", fields={"ups": "name", **EVENTS}, answer="Atom"),
    ),
    documented_route(
        r"^/energy$",
        energy,
        Endpoint(
            "Energy and its cost",
            "This month unless another period is given.",
            fields={**PERIOD, "range": RANGE["range"], "unit": ", ".join(UNITS)},
            answer="page",
        ),
    ),
    documented_route(
        r"^/reports$",
        report,
        Endpoint(
            "Report of a day, week, month or year, to be printed",
            "Unless another period is given: the last whole month, or this one where it has more data.",
            fields={**PERIOD, "ups": "names with commas between them: of these alone"},
            answer="page",
        ),
    ),
)


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """Pages that the right to read opens, and orders, acknowledgements and reports, which need rights."""
    writing = (*ups_orders.ROUTES, *acknowledgements.ROUTES, *reports.ROUTES)
    return (*ROUTES, *writing) if site_of(datasette).has_config else ROUTES
