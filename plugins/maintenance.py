"""/-/maintenance with its deeds, a copy of the file to take away, and /-/delete."""

from datasette import hookimpl

from ingest.maintenance.jobs import CHORES
from plugins.web.actions import deletions
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.pages import maintenance as site
from plugins.web.site import site_of

DELETE = {
    "what": "node, sensor, requests (a node's own questions) or before",
    "node": "id of the table nodes, or GATEWAY/NODE_ID",
    "sensor": "id of the table sensors",
    "before": "a date, YYYY-MM-DD",
    "everything": "1: what is rolled up and events, too",
}


@hookimpl
def startup(datasette):
    if site_of(datasette).has_config:
        site.clear_away(datasette.config.database)


@hookimpl
def register_routes(datasette):
    if not site_of(datasette).has_config:
        return []
    return [
        documented_route(
            r"^/-/maintenance$",
            maintenance,
            Endpoint(
                "Maintenance: room, retention, daily work, readers",
                "Programs that do not ask for HTML get JSON.",
                answer="page",
            ),
        ),
        documented_route(
            r"^/-/maintenance/backup\.db$",
            download,
            Endpoint("A consistent copy of the database", right="maintain", answer="file"),
        ),
        documented_route(
            r"^/-/maintenance/(?P<chore>[a-z]+)$",
            run_chore,
            Endpoint(
                "Have work done now",
                f"CHORE is {', '.join(CHORES)}.",
                "POST",
                "maintain",
                at={"CHORE": "measure"},
            ),
        ),
        documented_route(
            r"^/-/delete$",
            delete,
            Endpoint(
                "What a deletion would take away",
                "Programs that do not ask for HTML get JSON.",
                fields=DELETE,
                example={"what": "node", "node": "{node}"},
                answer="page",
            ),
            Endpoint(
                "Delete a node, a sensor, requests or what is old",
                "The rows go in the background; see the table deletions.",
                "POST",
                "maintain",
                DELETE | {"confirm": "yes"},
                {"what": "before", "before": "2020-01-01", "confirm": "yes"},
            ),
        ),
    ]


async def maintenance(datasette, request):
    return await site.maintenance(datasette, request)


async def download(datasette, request):
    return await site.download(datasette, request)


async def run_chore(datasette, request):
    return await site.run_chore(datasette, request)


async def delete(datasette, request):
    return await deletions.delete_page(datasette, request)
