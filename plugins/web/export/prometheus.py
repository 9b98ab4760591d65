"""/metrics in the text format of Prometheus, version 0.0.4. A figure of a UPS that is stale is left out."""

from collections.abc import Callable, Iterator, Sequence
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

Labels: TypeAlias = dict[str, object]


class Metric(NamedTuple):
    """One metric and its samples: labels and value of each."""

    name: str
    help: str
    samples: Sequence[tuple[Labels, float]]
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
    found = await select_many(
        datasette,
        upses=("select * from ups_overview where configured order by id", {}),
        nodes=("select * from node_overview where last_seen_at is not null order by id", {}),
        readers=(CONFIGURED_READERS, {}),
    )
    upses, nodes, readers = found["upses"], found["nodes"], found["readers"]
    if upses is None or nodes is None or readers is None:
        return Response.text(f"{TOO_SLOW}\n", status=503)
    all_metrics = [*_of_upses(upses), *_of_nodes(nodes), *_of_readers(readers)]
    return Response(
        "".join(metric.format() for metric in all_metrics),
        headers={"cache-control": "no-store"},
        content_type=CONTENT_TYPE,
    )


def _sample(rows: Sequence[Row], labels: Callable[[Row], Labels], column: str) -> list[tuple[Labels, float]]:
    """The values of a column, where it has one."""
    return [(labels(row), row[column]) for row in rows if row[column] is not None]


def _of_upses(upses: Sequence[Row]) -> Iterator[Metric]:
    def labels(ups: Row) -> Labels:
        return {"ups": ups["name"]}

    current = [ups for ups in upses if not is_old(ups)]
    sampled = [ups for ups in upses if ups["sampled_at"]]
    tokens = [(ups, sorted(status_tokens(ups["status"]))) for ups in current]
    up = [(labels(ups), int(not is_old(ups))) for ups in upses]
    yield Metric("ups_up", "1 while the figures of the UPS are current.", up)
    yield Metric(
        "ups_sample_age_seconds", "Age of the last sample.", _sample(sampled, labels, "sample_age_s")
    )
    for name, (column, text) in UPS_GAUGES.items():
        yield Metric(name, text, _sample(current, labels, column))
    on_battery = [(labels(ups), int(is_on_battery(ups))) for ups in current]
    yield Metric("ups_on_battery", "1 while the mains have failed; 0 in a battery test.", on_battery)
    severities = [(labels(ups), SEVERITIES[ups["state"]]) for ups in current]
    yield Metric("ups_severity", f"State of the UPS: {SEVERITY_HELP}.", severities)
    statuses = [(labels(ups) | {"status": token}, 1) for ups, own in tokens for token in own]
    yield Metric("ups_status", "1 for each token of ups.status.", statuses)


def _of_nodes(nodes: Sequence[Row]) -> Iterator[Metric]:
    def labels(node: Row) -> Labels:
        return {"gateway": node["gateway"], "node_id": node["node_id"], "name": node["name"]}

    fresh = [node for node in nodes if node["state"] != "Stale"]
    up = [(labels(node), int(node["state"] != "Stale")) for node in nodes]
    yield Metric("node_up", "1 while the node is heard as usual.", up)
    age = _sample(nodes, labels, "silent_s")
    yield Metric("node_age_seconds", "Time since the last message of the node.", age)
    severities = [(labels(node), SEVERITIES[node["state"]]) for node in fresh if node["state"] in SEVERITIES]
    yield Metric("node_severity", f"State of a node that is heard: {SEVERITY_HELP}.", severities)
    levels = _sample(fresh, labels, "battery_level")
    yield Metric("node_battery_percent", "Last reported battery level of a node that is heard.", levels)


def _of_readers(readers: Sequence[Row]) -> Iterator[Metric]:
    def labels(reader: Row) -> Labels:
        return {"source": reader["source"], "kind": reader["kind"]}

    connected = [(labels(reader), int(reader["verdict"] == "OK")) for reader in readers]
    yield Metric("source_up", "1 while the source is connected.", connected)
    age = _sample(readers, labels, "heartbeat_age_s")
    yield Metric("source_age_seconds", "Time since the last heartbeat of its reader.", age)
    received, rejected = _sample(readers, labels, "received"), _sample(readers, labels, "rejected")
    yield Metric("source_received_total", "Messages or good polls.", received, "counter")
    yield Metric(
        "source_rejected_total", "Lines that could not be read, or failed polls.", rejected, "counter"
    )


def escape(text: object) -> str:
    """A label's value: backslash, quote and line feed escaped as the format wants it."""
    return str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
