"""The figures of a report: what a period of time was like, block by block.

Every block is what a canned query gives for the time of the report, so that it leads to the same figures as
data; what is computed beyond that is here. Over a plain connection that has the SQL functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from reporting.canned_queries import CannedQuery, QueryReader, Row, Rows
from reporting.charts import Bar, BarChart, BarData, draw_bars, draw_histogram
from reporting.charts.canvas import COLOURS
from reporting.energy import counted_gap, share, site_rows, with_counted_gaps
from reporting.formatting import NARROW_SPACE
from reporting.outages import (
    OUTAGES_BETWEEN,
    OUTAGES_OF_CHOSEN,
    MainsOutage,
    OutageSummary,
    parse_outage,
    summarize,
)
from reporting.periods import WHOLE, local_periods
from reporting.report_period import Period

LONGEST, OUTAGES = 5, 50  # of the two tables
VOLTS = 1  # of a bin of the histogram
BINS = 60  # more than this, and each UPS has an axis of its own
TICK = {"hour": "%H:%M", "day": "%-d %b", "month": "%b"}  # below the bars
COUNTS = """select (select count(*) from ups) as upses, (select count(*) from nodes) as nodes,
  (select count(*) from tariffs) as tariffs"""
OWN_QUERIES = {
    "mains_outages": CannedQuery(OUTAGES_BETWEEN, ("since", "until")),
    "chosen_outages": CannedQuery(OUTAGES_OF_CHOSEN, ("ups", "since", "until")),
}


class Counts(NamedTuple):
    """How many UPSes, nodes and tariffs there are: what there is nothing of has no block."""

    upses: int
    nodes: int
    tariffs: int


class Block(NamedTuple):
    """What a block of the report shows: a query and its parameters beside the time."""

    query: str
    params: Mapping[str, Any] = {}  # Any: whatever SQLite takes


class Availability(NamedTuple):
    """A row of monitoring_coverage; how much of the time was measured and, of that, on mains, per cent."""

    row: Row
    measured: float | None
    on_mains: float | None
    on_battery_s: float | None


class VoltageTable(NamedTuple):
    """voltage_histogram by bin: names of the UPSes, and (from, to, name -> row) of each bin, in V."""

    names: list[str]
    bins: list[tuple[float, float, dict[str, Row]]]


@dataclass(frozen=True)
class UpsFigures:
    """What is computed of the blocks of UPSes. None where a query took too long."""

    summary: OutageSummary
    longest: list[MainsOutage] | None  # LONGEST of them, the longest first
    outages: list[MainsOutage]  # the newest OUTAGES of the others
    older_outages: int  # how many there are besides
    availability: list[Availability] | None
    site: Row | None  # energy_by_day of all UPSes together
    measured: float | None  # per cent of the time, by all UPSes together
    energy_bars: BarChart | None
    histograms: list[BarChart]
    voltages: VoltageTable | None


@dataclass(frozen=True)
class PeriodFigures:
    """The rows of each block, None for one that took too long; query strings that lead to them."""

    rows: dict[str, Rows]
    links: dict[str, str]
    ups: UpsFigures | None


def chosen_param(upses: Sequence[str]) -> str:
    """The parameter `ups` of queries for these UPSes, '' for all. The comma asks for a sum, also of one."""
    return f"{','.join(upses)}," if upses else ""


def blocks_of(period: Period, counts: Counts, upses: Sequence[str] = ()) -> dict[str, Block]:
    """The blocks that have something to show, of all UPSes or of `upses` alone; these have no nodes."""
    blocks = _all_blocks(period, counts)
    if not upses:
        return blocks
    chosen = {"ups": chosen_param(upses)}
    del blocks["replace"]
    of_chosen = {name: one._replace(params={**chosen, **one.params}) for name, one in blocks.items()}
    return {**of_chosen, "outages": Block("chosen_outages", chosen), "replace": Block("batteries_to_replace")}


def _all_blocks(period: Period, counts: Counts) -> dict[str, Block]:
    of_upses = {
        "outages": Block("mains_outages"),
        "coverage": Block("monitoring_coverage", {"per": WHOLE}),
        "energy": Block("energy_by_day", {"per": WHOLE}),
        "steps": Block("energy_by_day", {"per": period.step}),
        "load": Block("load_report"),
        "quality": Block("power_quality", {"per": WHOLE}),
        "volts": Block("voltage_histogram", {"step": VOLTS}),
    }
    of_nodes = {"silent": Block("silent_nodes"), "nodes": Block("node_report")}
    of_all = {"replace": Block("batteries_to_replace"), "events": Block("event_counts")}
    return {**(of_upses if counts.upses else {}), **(of_nodes if counts.nodes else {}), **of_all}


def read_figures(
    reader: QueryReader,
    period: Period,
    counts: Counts,
    labels: Mapping[str, str] = MappingProxyType({}),
    upses: Sequence[str] = (),
) -> PeriodFigures:
    """All figures; each query has a time limit of its own. `reader` knows OWN_QUERIES too.

    `labels` are those of the UPSes by name, in the order of their colours; `upses` leaves out all others, and
    the nodes: `counts` is then of these alone.
    """
    blocks = blocks_of(period, counts, upses)
    rows = {
        name: reader.run(block.query, {**block.params, **period.utc_params}) for name, block in blocks.items()
    }
    if (energy := rows.get("energy")) is not None:
        rows["energy"] = with_counted_gaps(energy)
    if upses and rows["replace"]:
        rows["replace"] = [row for row in rows["replace"] if row["kind"] == "UPS" and row["ref"] in upses]
    links = {name: urlencode({**block.params, **period.params}) for name, block in blocks.items()}
    return PeriodFigures(rows, links, _figures_of_upses(rows, period, labels) if counts.upses else None)


def _figures_of_upses(rows: Mapping[str, Rows], period: Period, labels: Mapping[str, str]) -> UpsFigures:
    outages = None if rows["outages"] is None else [parse_outage(row) for row in rows["outages"]]
    longest = sorted(outages or [], key=lambda one: one.seconds, reverse=True)[:LONGEST]
    others = [one for one in reversed(outages or []) if one not in longest]
    site = next(iter(site_rows(rows["energy"])), None)
    return UpsFigures(
        summarize(outages or [], period.since, period.until),
        None if outages is None else longest,
        others[:OUTAGES],
        max(0, len(others) - OUTAGES),
        availability(rows["coverage"], rows["energy"]),
        site,
        measured_share(site) if site else None,
        energy_bars(site_rows(rows["steps"]), period),
        histograms(rows["volts"] or [], labels),
        by_voltage(rows["volts"]) if rows["volts"] else None,
    )


def measured_share(row: Row) -> float | None:
    """How much of the time was measured, per cent, of a row with covered_s and uncovered_s."""
    return share(row["covered_s"], row["covered_s"] + counted_gap(row["uncovered_s"]), 1)


def availability(coverage: Rows, energy: Rows) -> list[Availability] | None:
    """Rows of monitoring_coverage with the time on battery, which those of energy_by_day have."""
    if coverage is None:
        return None
    on_battery = {row["ups"]: row["on_battery_s"] for row in energy or []}
    found = []
    for row in coverage:
        battery_s, covered_s = on_battery.get(row["ups"]), row["covered_s"]
        on_mains = None if energy is None else share(covered_s - (battery_s or 0), covered_s, 3)
        found.append(Availability(row, measured_share(row), on_mains, battery_s))
    return found


def energy_bars(rows: Sequence[Row], period: Period) -> BarChart | None:
    """A bar for each step of the period, also for those of which nothing is known; None without energy."""
    known, zone = {row["period"]: row["kwh"] for row in rows}, ZoneInfo(period.timezone)
    most = max((kwh for kwh in known.values() if kwh), default=0)
    steps = local_periods(period.step, period.since, period.end, period.timezone)
    if not most or len(steps) < 2:
        return None
    bars = [
        Bar(
            f"{datetime.fromtimestamp(step.start, zone):{TICK[period.step]}}",
            step.label,
            [known.get(step.label)],
        )
        for step in steps
    ]
    caption = f"All UPSes in each {period.step}; at most {most:.2f}{NARROW_SPACE}kWh."
    return draw_bars(BarData(f"By {period.step}", "kWh", ["all UPSes"], bars, digits=3, caption=caption))


def histograms(rows: Sequence[Row], labels: Mapping[str, str]) -> list[BarChart]:
    """A chart for each UPS, on one axis where that is not too wide."""
    counts: dict[str, dict[int, int]] = {}
    for row in rows:
        counts.setdefault(row["name"], {})[round(row["volts"] / VOLTS)] = row["hours"]
    bins = [number for own in counts.values() for number in own]
    shared = bool(bins) and max(bins) - min(bins) < BINS
    places = {name: place for place, name in enumerate(dict.fromkeys((*labels, *counts)))}
    charts = []
    for name, own in counts.items():
        shown, colour = bins if shared else own, places[name] % COLOURS + 1
        label = labels.get(name, name)
        title = label if list(labels.values()).count(label) < 2 else f"{label} ({name})"
        charts.append(draw_histogram(title, "V", own, min(shown), max(shown), VOLTS, colour))
    return charts


def by_voltage(rows: Sequence[Row]) -> VoltageTable:
    """Rows of voltage_histogram as a table."""
    found: dict[tuple[float, float], dict[str, Row]] = {}
    for row in rows:
        found.setdefault((row["volts"], row["below"]), {})[row["name"]] = row
    names = list(dict.fromkeys(row["name"] for row in rows))
    return VoltageTable(names, [(low, below, own) for (low, below), own in sorted(found.items())])
