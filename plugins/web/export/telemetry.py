"""Addresses that programs of other monitors know: /api/telemetry, /api/health and /metrics.

A figure of a UPS that is stale is null, or left out: an old value never passes for one of now.
"""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

from datasette import Response

from ingest.db.time import parse_utc
from ingest.ups.status import status_tokens
from plugins.web.pages.home import CONFIGURED
from plugins.web.query import select
from plugins.web.responses import json_errors

FIELDS = {  # field of the EP20's own monitor -> column of ups_overview
    "input_voltage": "input_voltage",
    "output_voltage": "output_voltage",
    "battery_voltage": "battery_voltage",
    "battery_level": "battery_charge",
    "load_percent": "ups_load",
    "load_power": "watts",
    "frequency": "output_frequency",
    "input_frequency": "input_frequency",
    "temperature": "ups_temperature",
}
WHOLE = ("battery_level", "load_percent", "load_power")  # that monitor sends whole numbers
GAUGES = {  # metric -> (column of ups_overview, help)
    "ups_battery_charge_percent": ("battery_charge", "Charge of the battery, per cent."),
    "ups_battery_voltage_volts": ("battery_voltage", "Voltage of the battery."),
    "ups_battery_runtime_seconds": ("battery_runtime", "Runtime left as the UPS says."),
    "ups_load_percent": ("ups_load", "Load, per cent of the rating."),
    "ups_load_watts": ("watts", "Power of the load behind the UPS."),
    "ups_input_voltage_volts": ("input_voltage", "Voltage of the mains."),
    "ups_input_frequency_hertz": ("input_frequency", "Frequency of the mains."),
    "ups_output_voltage_volts": ("output_voltage", "Voltage of the output."),
    "ups_temperature_celsius": ("ups_temperature", "Temperature of the UPS."),
}


def is_old(ups):
    """Whether the figures of a row of ups_overview are from before."""
    return ups["state"] in ("Stale", "No data")


async def telemetry(datasette, request):
    """GET /api/telemetry: one UPS by `ups`, else the first EP20, else the first UPS."""
    name = request.args.get("ups")
    rows = await select(
        datasette,
        "select * from ups_overview where configured or name = ? order by driver <> 'must', id",
        [name],
    )
    if rows is None:
        return json_errors(503, "The database took too long to answer")
    if name:
        rows = [row for row in rows if row["name"] == name]
    if not rows:
        return json_errors(404, f"No UPS {name}" if name else "No UPS was read so far")
    ups, zone = rows[0], ZoneInfo(datasette.timezone)
    old = is_old(ups)
    body = {field: None if old else ups[column] for field, column in FIELDS.items()}
    for field in WHOLE:
        if body[field] is not None:
            body[field] = round(body[field])
    taken = ups["sampled_at"] or ups["status_at"]
    body |= {
        "timestamp": f"{datetime.fromtimestamp(parse_utc(taken), zone):%Y-%m-%d %H:%M:%S}" if taken else None,
        "status": status(ups),
        "uptime": uptime(datasette),
        "alarms": await alarms(datasette, ups),
    }
    return Response.json(body, headers={"cache-control": "no-store"})


def status(ups):
    """`online`, `battery`, `bypass`, `off`; `stale` or `no data` where nothing is known of now."""
    if is_old(ups):
        return ups["state"].lower()
    words = status_tokens(ups["status"])
    for word, told in (("OB", "battery"), ("OFF", "off"), ("BYPASS", "bypass"), ("OL", "online")):
        if word in words:
            return told
    return "unknown"


async def alarms(datasette, ups):
    """What is wrong with the UPS, in words: none of its events is over."""
    rows = await select(
        datasette,
        """select event, words, detail from ups_events where ups = ? and ended_at is null
        and event not in ('TEST', 'CAL', 'TRIM', 'BOOST') order by id""",
        [ups["id"]],
    )
    return [row["detail"] or row["words"] for row in rows or []]


def uptime(datasette):
    """How long the site runs, `HH:MM:SS`."""
    whole = int(time.monotonic() - datasette.started)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


async def health(datasette, request):
    """GET /api/health"""
    now = datetime.now(ZoneInfo(datasette.timezone)).replace(tzinfo=None)
    body = {"status": "running", "uptime": uptime(datasette), "timestamp": now.isoformat()}
    return Response.json(body, headers={"cache-control": "no-store"})


async def metrics(datasette, request):
    """GET /metrics: the text format of Prometheus, version 0.0.4."""
    upses = await select(datasette, "select * from ups_overview where configured order by id")
    nodes = await select(datasette, "select * from node_overview where last_seen_at is not null order by id")
    readers = await select(datasette, f"select * from readers where {CONFIGURED} order by kind, source")
    if upses is None or nodes is None or readers is None:
        return Response.text("the database took too long to answer\n", status=503)
    blocks = [*_of_upses(upses), *_of_nodes(nodes), *_of_readers(readers)]
    return Response(
        "".join(blocks),
        headers={"cache-control": "no-store"},
        content_type="text/plain; version=0.0.4; charset=utf-8",
    )


def _of_upses(upses):
    fresh = [ups for ups in upses if not is_old(ups)]
    label = lambda ups: {"ups": ups["name"]}  # noqa: E731
    yield gauge(
        "ups_up",
        "1 while the figures of the UPS are of now.",
        [(label(ups), int(not is_old(ups))) for ups in upses],
    )
    yield gauge(
        "ups_sample_age_seconds",
        "Age of the last sample.",
        [(label(ups), ups["sample_age_s"]) for ups in upses if ups["sampled_at"]],
    )
    for name, (column, words) in GAUGES.items():
        yield gauge(name, words, [(label(ups), ups[column]) for ups in fresh if ups[column] is not None])
    yield gauge(
        "ups_on_battery",
        "1 while the UPS is on battery.",
        [(label(ups), int("OB" in status_tokens(ups["status"]))) for ups in fresh],
    )
    yield gauge(
        "ups_status",
        "1 for each word of ups.status.",
        [
            (label(ups) | {"status": word}, 1)
            for ups in fresh
            for word in sorted(status_tokens(ups["status"]))
        ],
    )


def _of_nodes(nodes):
    label = lambda node: {"gateway": node["gateway"], "node_id": node["node_id"], "name": node["name"]}  # noqa: E731
    yield gauge(
        "node_up",
        "1 while the node is heard as usual.",
        [(label(n), int(n["state"] != "Stale")) for n in nodes],
    )
    yield gauge(
        "node_age_seconds",
        "Time since the last message of the node.",
        [(label(n), n["silent_s"]) for n in nodes],
    )
    yield gauge(
        "node_battery_percent",
        "Last reported battery level of a node that is heard.",
        [
            (label(n), n["battery_level"])
            for n in nodes
            if n["battery_level"] is not None and n["state"] != "Stale"
        ],
    )


def _of_readers(readers):
    label = lambda reader: {"source": reader["source"], "kind": reader["kind"]}  # noqa: E731
    yield gauge(
        "source_up",
        "1 while the source is connected.",
        [(label(r), int(r["verdict"] == "OK")) for r in readers],
    )
    yield gauge(
        "source_age_seconds",
        "Time since the last sign of life of its reader.",
        [(label(r), r["heartbeat_age_s"]) for r in readers],
    )
    yield counter(
        "source_received_total", "Messages or good polls.", [(label(r), r["received"]) for r in readers]
    )
    yield counter(
        "source_rejected_total",
        "Lines that could not be read, or failed polls.",
        [(label(r), r["rejected"]) for r in readers],
    )


def gauge(name, words, samples, kind="gauge"):
    """One metric with its samples, (labels, value) each; nothing without samples."""
    if not samples:
        return ""
    name = f"voltkeeper_{name}"
    lines = [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{escape(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{inner}}} {value:.15g}")
    return "\n".join(lines) + "\n"


def counter(name, words, samples):
    """As `gauge`, for what only rises."""
    return gauge(name, words, samples, "counter")


def escape(text):
    """A label's value: backslash, quote and line feed escaped as the format wants it."""
    return str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
