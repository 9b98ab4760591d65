"""/metrics for Prometheus, in its text format or in OpenMetrics. A figure that is old is left out.

Everything, from the SQL to the bytes, is made in a thread that reads, so that the event loop stays free.
"""

import sqlite3
from collections.abc import Iterator

from datasette import Request, Response
from datasette.utils import sqlite_timelimit
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder

from ingest.maintenance.growth import DiskGrowth
from plugins.web.export import node_metrics, site_metrics, ups_metrics
from plugins.web.export.alert_metrics import AlertFigures, alert_metrics
from plugins.web.export.descriptions import Descriptions
from plugins.web.export.growth_metrics import Growth, growth_metrics
from plugins.web.export.metric import FamilyList, Metric
from plugins.web.export.publish_metrics import publish_metrics
from plugins.web.export.text_format import format_text
from plugins.web.query import DATABASE, TOO_SLOW, Row
from plugins.web.readers import CONFIGURED_READERS, correct_readers
from plugins.web.site import Site
from reporting.canned_queries import is_interrupt
from reporting.totals import Totals

QUERIES = {
    "upses": ups_metrics.UPSES,
    "variables": ups_metrics.VARIABLES,
    "outages": ups_metrics.OUTAGES,
    "nodes": node_metrics.NODES,
    "channels": node_metrics.CHANNELS,
    "ota": node_metrics.OTA,
    "readers": CONFIGURED_READERS,
    "events": site_metrics.EVENTS,
    "open_events": site_metrics.OPEN_EVENTS,
    "node_orders": site_metrics.NODE_ORDERS,
    "ups_orders": site_metrics.UPS_ORDERS,
    "ota_updates": site_metrics.OTA_UPDATES,
    "size": site_metrics.SIZE,
}
TOTALS = "export.totals"  # of `Site.cache`
GROWTH = "export.growth"  # the same
TOTALS_MS = 10_000  # of the sums of past days, which are made once a day


async def metrics(datasette: Site, request: Request) -> Response:
    """GET /metrics"""
    beside = [
        *alert_metrics(await read_alert_figures(datasette)),
        *publish_metrics(datasette.config),
        *growth_metrics(await read_growth_figures(datasette)),
    ]
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    totals = datasette.cache.setdefault(
        TOTALS, Totals(limited=lambda connection: sqlite_timelimit(connection, TOTALS_MS))
    )
    describe = Descriptions(datasette)

    def make(connection: sqlite3.Connection) -> str | None:
        try:
            found = FamilyList(collect(connection, datasette, totals, describe, beside))
        except sqlite3.OperationalError as error:
            if not is_interrupt(error):
                raise
            return None
        if content_type.startswith("text/plain"):
            return format_text(found.collect())
        return encode(found).decode()

    text: str | None = await datasette.get_database(DATABASE).execute_fn(make)
    if text is None:
        return Response.text(f"{TOO_SLOW}\n", status=503)
    return Response(text, headers={"cache-control": "no-store"}, content_type=content_type)


async def read_alert_figures(site: Site) -> AlertFigures | None:
    """Figures of alerts, which stand in tables that only signed-in users read."""
    if site.config.alerts is None:
        return None
    found: AlertFigures | None = await site.get_database(DATABASE).read_hidden(
        lambda connection: AlertFigures.read(connection, site.config)
    )
    return found


async def read_growth_figures(site: Site) -> DiskGrowth | None:
    """How the file grows: tables that only signed-in users read take room, too."""
    growth = site.cache.setdefault(GROWTH, Growth())

    def read(connection: sqlite3.Connection) -> DiskGrowth | None:
        with sqlite_timelimit(connection, site.sql_time_limit_ms):
            found: DiskGrowth | None = growth.read(connection, site.config)
            return found

    found: DiskGrowth | None = await site.get_database(DATABASE).read_hidden(read)
    return found


def collect(
    connection: sqlite3.Connection, site: Site, totals: Totals, describe: Descriptions, beside: list[Metric]
) -> Iterator[Family]:
    """Read the database and yield every metric. Raises sqlite3.OperationalError where it takes too long."""
    of_upses, of_nodes = totals.read(connection)
    with sqlite_timelimit(connection, site.sql_time_limit_ms):
        found = {name: _read(connection, sql) for name, sql in QUERIES.items()}
    upses, nodes = found["upses"], found["nodes"]
    readers = correct_readers(found["readers"], site.config.database) or []
    own = [
        *ups_metrics.ups_metrics(upses, found["outages"], of_upses, describe),
        *node_metrics.node_metrics(nodes, of_nodes, describe),
        *node_metrics.channel_metrics(found["channels"], nodes, describe),
        *node_metrics.ota_metrics(found["ota"]),
        *site_metrics.ingest_metrics(readers, describe),
        *site_metrics.event_metrics(found["events"], found["open_events"]),
        *site_metrics.order_metrics(found["node_orders"], found["ups_orders"], found["ota_updates"]),
        *site_metrics.database_metrics(found["size"]),
        *beside,
    ]
    leave_out = site.config.metrics.leave_out
    for metric in (*own, *ups_metrics.variable_metrics(upses, found["variables"], own, leave_out)):
        yield metric.family()
    for metric in ups_metrics.ep20_metrics(upses):
        yield metric.family(prefix="")


def _read(connection: sqlite3.Connection, sql: str) -> list[Row]:
    return [dict(row) for row in connection.execute(sql)]
