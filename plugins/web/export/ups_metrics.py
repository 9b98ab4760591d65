"""The part of /metrics about UPSes. A figure of a UPS that is stale is left out."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from ingest.db.time import parse_utc
from ingest.severity import RANK
from ingest.ups.status import status_tokens
from ingest.ups.variables import full_label, variable
from plugins.web.export.descriptions import Descriptions
from plugins.web.export.ep20_api import FIELDS, status
from plugins.web.export.metric import Metric, column, flags, kind_of, labels_of, metric_name, own_names
from plugins.web.query import Row
from reporting.totals import UpsTotals
from reporting.ups_state import is_old, is_on_battery

UPSES = "select * from ups_overview where configured order by id"
VARIABLES = """select ups, variable, number from ups_variables where number is not null
  order by variable, ups"""
OUTAGES = """select ups, count(*) as outages from events indexed by events_event
  where event = 'ONBATT' group by ups"""
OF_UPS = {"ups": "name"}
INFO = {"label": "label", "mfr": "mfr", "model": "model", "firmware": "firmware", "location": "location"}
GAUGES = {  # metric -> column of ups_overview
    "ups_battery_charge_percent": "battery_charge",
    "ups_battery_voltage_volts": "battery_voltage",
    "ups_battery_runtime_seconds": "battery_runtime",
    "ups_load_percent": "ups_load",
    "ups_load_watts": "watts",
    "ups_input_voltage_volts": "input_voltage",
    "ups_input_frequency_hertz": "input_frequency",
    "ups_output_voltage_volts": "output_voltage",
    "ups_temperature_celsius": "ups_temperature",
}
EP20 = {  # metric of the script in the README of the EP20 monitor -> field of its JSON
    "ups_input_voltage": "input_voltage",
    "ups_battery_voltage": "battery_voltage",
    "ups_battery_level": "battery_level",
    "ups_load_percent": "load_percent",
    "ups_temperature": "temperature",
}
SEVERITIES = {str(severity): max(RANK.values()) - rank for severity, rank in RANK.items()}
SEVERITY_HELP = ", ".join(f"{value} {severity}" for severity, value in reversed(SEVERITIES.items()))
JOULES_PER_WH = 3600


def current_upses(upses: Iterable[Row]) -> list[Row]:
    """Those whose figures are not old."""
    return [ups for ups in upses if not is_old(ups)]


def ups_metrics(
    upses: Sequence[Row], outages: Sequence[Row], totals: UpsTotals, describe: Descriptions
) -> list[Metric]:
    """What is concluded from the data of UPSes, and their main figures in base units where they have any."""
    current = current_upses(upses)
    sampled = [ups for ups in upses if ups["sampled_at"]]
    statuses = [
        (labels_of(ups, OF_UPS, status=token), 1.0)
        for ups in current
        for token in sorted(status_tokens(ups["status"]))
    ]
    severities = [(labels_of(ups, OF_UPS), SEVERITIES[ups["state"]]) for ups in current]
    info = [(labels_of(ups, OF_UPS | INFO), 1.0) for ups in upses]
    return [
        Metric(
            "ups_up",
            "1 while the figures of the UPS are current.",
            flags(upses, OF_UPS, lambda ups: not is_old(ups)),
        ),
        Metric("ups_info", "Name, model and place of the UPS.", info, "info"),
        Metric(
            "ups_sample_age_seconds",
            describe.of("ups_overview.sample_age_s"),
            column(sampled, OF_UPS, "sample_age_s"),
        ),
        Metric(
            "ups_last_sample_timestamp_seconds",
            describe.of("ups_overview.sampled_at", "Unix time"),
            [(labels_of(ups, OF_UPS), parse_utc(ups["sampled_at"])) for ups in sampled],
        ),
        *(
            Metric(name, describe.of(f"ups_overview.{of}"), column(current, OF_UPS, of))
            for name, of in GAUGES.items()
        ),
        Metric(
            "ups_on_battery",
            "1 while the mains have failed; 0 in a battery test.",
            flags(current, OF_UPS, is_on_battery),
        ),
        Metric("ups_severity", f"State of the UPS: {SEVERITY_HELP}.", severities),
        Metric("ups_status", "1 for each token of ups.status.", statuses),
        *_counters(upses, outages, totals, describe),
    ]


def _counters(
    upses: Sequence[Row], outages: Sequence[Row], totals: UpsTotals, describe: Descriptions
) -> list[Metric]:
    counted = {row["ups"]: row["outages"] for row in outages}
    metered = [ups for ups in upses if ups["id"] in totals.watt_hours]
    return [
        Metric(
            "ups_outages_total",
            "Outages: times that the mains have failed.",
            [(labels_of(ups, OF_UPS), counted.get(ups["id"], 0)) for ups in upses],
            "counter",
        ),
        Metric(
            "ups_on_battery_seconds_total",
            "Time on battery between samples, seconds.",
            [(labels_of(ups, OF_UPS), totals.on_battery_s.get(ups["id"], 0)) for ups in upses],
            "counter",
        ),
        Metric(
            "ups_energy_joules_total",
            describe.of("ups_samples_hourly.wh", "Here in joules: 3600 for 1 Wh"),
            [
                (labels_of(ups, OF_UPS), round(totals.watt_hours[ups["id"]] * JOULES_PER_WH, 3))
                for ups in metered
            ],
            "counter",
        ),
    ]


def variable_metrics(
    upses: Sequence[Row], variables: Iterable[Row], own: Sequence[Metric], leave_out: Sequence[str]
) -> list[Metric]:
    """One metric for each NUT variable with a number, under its own name: `ups_battery_charge`.

    `leave_out` are patterns of variables, such as `driver.*`. A variable whose name is that of one of the
    metrics `own` is left out, and so is the second of two of one UPS that would have one name.
    """
    names = {ups["id"]: ups["name"] for ups in current_upses(upses)}
    taken = own_names(own)
    found: dict[str, tuple[str, dict[str, float]]] = {}
    for row in variables:
        ups, name = names.get(row["ups"]), f"ups_{metric_name(row['variable'])}"
        if ups is None or name in taken or any(fnmatchcase(row["variable"], one) for one in leave_out):
            continue
        _, values = found.setdefault(name, (row["variable"], {}))
        values.setdefault(ups, row["number"])
    return [
        Metric(name, _help(nut_name), [({"ups": ups}, value) for ups, value in values.items()], kind_of(name))
        for name, (nut_name, values) in found.items()
    ]


def _help(name: str) -> str:
    unit = variable(name).unit
    return f"{full_label(name)}{f', {unit}' if unit else ''}: {name} as the UPS reports it."


def ep20_metrics(upses: Sequence[Row]) -> list[Metric]:
    """The six of the script in the README of the EP20 monitor, for every UPS; their names have no prefix."""
    current = current_upses(upses)
    helps: Mapping[str, str] = {name: name.removeprefix("ups_").replace("_", " ") for name in EP20}
    return [
        *(
            Metric(
                name,
                f"The {helps[name]} of the UPS, as the script for the EP20 monitor names it.",
                column(current, OF_UPS, FIELDS[field]),
            )
            for name, field in EP20.items()
        ),
        Metric(
            "ups_status",
            "1 for the status of the UPS, as the EP20 monitor has it.",
            [(labels_of(ups, OF_UPS, status=status(ups)), 1) for ups in upses],
        ),
    ]
