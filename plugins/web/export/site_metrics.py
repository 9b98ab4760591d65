"""The part of /metrics about the sources, events, orders, updates and the database itself."""

from collections.abc import Sequence

from ingest.db.time import parse_utc
from plugins.web.export.descriptions import Descriptions
from plugins.web.export.metric import Metric, column, flags, labels_of
from plugins.web.query import Row

EVENTS = "select event, count(*) as number from events group by event"
OPEN_EVENTS = "select event, count(*) as number from events where ended_at is null group by event"
NODE_ORDERS = "select state, count(*) as number from outbox group by state"
UPS_ORDERS = "select state, count(*) as number from ups_orders group by state"
OTA_UPDATES = "select state, count(*) as number from ota_updates group by state"
SIZE = """select page_count * page_size as bytes, freelist_count * page_size as free
  from pragma_page_count, pragma_page_size, pragma_freelist_count"""
OF_SOURCE = {"source": "source", "kind": "kind"}
COUNTERS = ("connects", "received", "rejected", "refused")


def ingest_metrics(readers: Sequence[Row], describe: Descriptions) -> list[Metric]:
    """Whether each source is read; counters begin anew when ingest starts."""

    def is_up(reader: Row) -> bool:
        return bool(reader["verdict"] == "OK")

    heard = [reader for reader in readers if reader["last_data_at"]]
    age = column(readers, OF_SOURCE, "heartbeat_age_s")
    return [
        Metric("source_up", "1 while the source is connected.", flags(readers, OF_SOURCE, is_up)),
        Metric("source_age_seconds", describe.of("readers.heartbeat_age_s"), age),
        *(_counter("source", name, readers, describe) for name in ("received", "rejected")),
        Metric("ingest_up", "1 while the source is connected and read.", flags(readers, OF_SOURCE, is_up)),
        Metric("ingest_heartbeat_age_seconds", describe.of("readers.heartbeat_age_s"), age),
        Metric(
            "ingest_last_data_timestamp_seconds",
            describe.of("readers.last_data_at", "Unix time"),
            [(labels_of(reader, OF_SOURCE), parse_utc(reader["last_data_at"])) for reader in heard],
        ),
        *(_counter("ingest", name, readers, describe) for name in COUNTERS),
    ]


def _counter(prefix: str, name: str, readers: Sequence[Row], describe: Descriptions) -> Metric:
    samples = column(readers, OF_SOURCE, name)
    return Metric(f"{prefix}_{name}_total", describe.of(f"readers.{name}"), samples, "counter")


def event_metrics(events: Sequence[Row], open_events: Sequence[Row]) -> list[Metric]:
    """Events that are stored, and those of them that are ongoing, by name."""
    names = {row["event"]: 0 for row in events} | {row["event"]: row["number"] for row in open_events}
    return [
        Metric("events", "Events that are stored; some are deleted after a time.", _by("event", events)),
        Metric(
            "events_open",
            "Events that are ongoing.",
            [({"event": name}, number) for name, number in names.items()],
        ),
    ]


def order_metrics(nodes: Sequence[Row], upses: Sequence[Row], updates: Sequence[Row]) -> list[Metric]:
    """Orders and updates by state."""
    return [
        Metric("node_orders", "Orders to nodes, by state.", _by("state", nodes)),
        Metric("ups_orders", "Orders to UPSes, by state.", _by("state", upses)),
        Metric("ota_updates", "Updates of firmware, by state.", _by("state", updates)),
    ]


def database_metrics(sizes: Sequence[Row]) -> list[Metric]:
    """Size of the database."""
    return [
        Metric("database_bytes", "Size of the database file.", [({}, row["bytes"]) for row in sizes]),
        Metric(
            "database_free_bytes", "Of that without data, to be reused.", [({}, row["free"]) for row in sizes]
        ),
    ]


def _by(label: str, rows: Sequence[Row]) -> list[tuple[dict[str, str], float]]:
    return [({label: row[label]}, row["number"]) for row in rows]
