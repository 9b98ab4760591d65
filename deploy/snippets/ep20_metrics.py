#!/usr/bin/env python3
"""Print figures of a UPS for Prometheus, as the README of the EP20 monitor does; /metrics has them, too."""

import json
import sys
from urllib.request import urlopen


def collect_ups_metrics(site: str = "http://127.0.0.1:8001") -> str:
    """Collect UPS metrics for Prometheus"""
    with urlopen(f"{site}/api/telemetry", timeout=5) as response:
        data = json.load(response)
    metrics = []
    # A figure of a UPS that is not read is null: then there is no line.
    for name, field in (
        ("ups_input_voltage", "input_voltage"),
        ("ups_battery_voltage", "battery_voltage"),
        ("ups_battery_level", "battery_level"),
        ("ups_load_percent", "load_percent"),
        ("ups_temperature", "temperature"),
    ):
        if data[field] is not None:
            metrics.append(f"{name} {data[field]}")
    metrics.append(f'ups_status{{status="{data["status"]}"}} 1')
    return "\n".join(metrics)


if __name__ == "__main__":
    print(collect_ups_metrics(*sys.argv[1:2]))
