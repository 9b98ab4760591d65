"""/metrics in the text format of Prometheus, version 0.0.4. A figure of a UPS that is stale is left out."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from datasette import Request, Response

from ingest.severity import RANK
from ingest.ups.status import status_tokens
from plugins.web.export.ep20_api import is_old, is_on_battery
from plugins.web.query import TOO_SLOW, Row, select_many
from plugins.web.readers import CONFIGURED_READERS
from plugins.web.site import Site

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
UPS_GAUGES = {  # metric -> (column of ups_overview, help)
    "ups_battery_charge_percent": ("battery_charge", "Charge of the battery, per cent."),
    "ups_battery_voltage_volts": ("battery_voltage", "Voltage of the battery."),
    "ups_battery_runtime_seconds": ("battery_runtime", "Remaining runtime as the UPS reports it."),
    "ups_load_percent": ("ups_load", "Load, per cent of the rating."),
    "ups_load_watts": ("watts", "Power of the load behind the UPS."),
    "ups_input_voltage_volts": ("input_voltage", "Voltage of the mains."),
    "ups_input_frequency_hertz": ("input_frequency", "Frequency of the mains."),
    "ups_output_voltage_volts": ("output_voltage", "Voltage of the output."),
    "ups_temperature_celsius": ("ups_temperature", "Temperature of the UPS."),
}

SEVERITIES = {str(severity): max(RANK.values()) - rank for severity, rank in RANK.items()}
SEVERITY_HELP = ", ".join(f"{value} {severity}" for severity, value in reversed(SEVERITIES.items()))
QUERIES = {
    "upses": "select * from ups_overview where configured order by id",
    "nodes": "select * from node_overview where last_seen_at is not null and retired_at is null order by id",
    "readers": CONFIGURED_READERS,
}
# Labels of what a sample is about -> columns of its row.
OF_UPS = {"ups": "name"}
OF_NODE = {"gateway": "gateway", "node_id": "node_id", "name": "name"}
OF_READER = {"source": "source", "kind": "kind"}

Labels: TypeAlias = dict[str, object]
Samples: TypeAlias = Sequence[tuple[Labels, float]]


class Metric(NamedTuple):
    """One metric and its samples: labels and value of each."""

    name: str
    help: str
    samples: Samples
    kind: str = "gauge"

    def format(self) -> str:
        """The lines of the metric; nothing without samples."""
        if not self.samples:
            return ""
        name = f"voltkeeper_{self.name}"
        lines = [f"# HELP {name} {self.help}", f"# TYPE {name} {self.kind}"]
        for labels, value in self.samples:
            inner = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
            lines.append(f"{name}{{{inner}}} {value:.15g}")
        return "\n".join(lines) + "\n"


async def metrics(datasette: Site, request: Request) -> Response:
    """GET /metrics"""
    found = await select_many(datasette, QUERIES)
    upses, nodes, readers = found["upses"], found["nodes"], found["readers"]
    if upses is None or nodes is None or readers is None:
        return Response.text(f"{TOO_SLOW}\n", status=503)
    all_metrics = [*_of_upses(upses), *_of_nodes(nodes), *_of_readers(readers)]
    return Response(
        "".join(metric.format() for metric in all_metrics),
        headers={"cache-control": "no-store"},
        content_type=CONTENT_TYPE,
    )


def _labels(row: Row, names: Mapping[str, str], **more: object) -> Labels:
    return {label: row[column] for label, column in names.items()} | more


def _column(rows: Sequence[Row], names: Mapping[str, str], column: str) -> Samples:
    """The values of a column, where it has one."""
    return [(_labels(row, names), row[column]) for row in rows if row[column] is not None]


def _flags(rows: Sequence[Row], names: Mapping[str, str], is_set: Callable[[Row], bool]) -> Samples:
    return [(_labels(row, names), int(is_set(row))) for row in rows]


def _of_upses(upses: Sequence[Row]) -> list[Metric]:
    current = [ups for ups in upses if not is_old(ups)]
    sampled = [ups for ups in upses if ups["sampled_at"]]
    statuses = [
        (_labels(ups, OF_UPS, status=token), 1)
        for ups in current
        for token in sorted(status_tokens(ups["status"]))
    ]
    severities = [(_labels(ups, OF_UPS), SEVERITIES[ups["state"]]) for ups in current]
    return [
        Metric(
            "ups_up",
            "1 while the figures of the UPS are current.",
            _flags(upses, OF_UPS, lambda ups: not is_old(ups)),
        ),
        Metric("ups_sample_age_seconds", "Age of the last sample.", _column(sampled, OF_UPS, "sample_age_s")),
        *(
            Metric(name, text, _column(current, OF_UPS, column))
            for name, (column, text) in UPS_GAUGES.items()
        ),
        Metric(
            "ups_on_battery",
            "1 while the mains have failed; 0 in a battery test.",
            _flags(current, OF_UPS, is_on_battery),
        ),
        Metric("ups_severity", f"State of the UPS: {SEVERITY_HELP}.", severities),
        Metric("ups_status", "1 for each token of ups.status.", statuses),
    ]


def _of_nodes(nodes: Sequence[Row]) -> list[Metric]:
    fresh = [node for node in nodes if node["state"] != "Stale"]
    severities = [
        (_labels(node, OF_NODE), SEVERITIES[node["state"]]) for node in fresh if node["state"] in SEVERITIES
    ]
    return [
        Metric(
            "node_up",
            "1 while the node is silent for no longer than its limit.",
            _flags(nodes, OF_NODE, lambda node: node["state"] != "Stale"),
        ),
        Metric(
            "node_age_seconds",
            "Time since the last message of the node.",
            _column(nodes, OF_NODE, "silent_s"),
        ),
        Metric("node_severity", f"State of a node that is heard: {SEVERITY_HELP}.", severities),
        Metric(
            "node_battery_percent",
            "Battery level of a node that is heard, where its newest report is not refused.",
            _column([node for node in fresh if not node["battery_refused_at"]], OF_NODE, "battery_level"),
        ),
        Metric(
            "node_battery_refused",
            "1 where the newest report of the battery level is refused, so that the level is not known.",
            _flags([node for node in fresh if node["battery_refused_at"]], OF_NODE, lambda node: True),
        ),
    ]


def _of_readers(readers: Sequence[Row]) -> list[Metric]:
    return [
        Metric(
            "source_up",
            "1 while the source is connected.",
            _flags(readers, OF_READER, lambda reader: reader["verdict"] == "OK"),
        ),
        Metric(
            "source_age_seconds",
            "Time since the last heartbeat of its reader.",
            _column(readers, OF_READER, "heartbeat_age_s"),
        ),
        Metric(
            "source_received_total",
            "Messages or good polls.",
            _column(readers, OF_READER, "received"),
            "counter",
        ),
        Metric(
            "source_rejected_total",
            "Lines that could not be read, or failed polls.",
            _column(readers, OF_READER, "rejected"),
            "counter",
        ),
    ]


def escape(text: object) -> str:
    """A label's value: backslash, quote and line feed escaped as the format wants it."""
    return str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
