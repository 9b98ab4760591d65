"""What is kept as a series and has a page: channels, figures of UPSes. By their names in addresses, too."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingest.ups.variables import full_label, variable
from plugins.web.pages.ups_series import SAMPLED, WATTS, figure_page, series_names
from plugins.web.query import Row, select
from plugins.web.site import Site
from reporting.charts import Interval
from reporting.measured import COUNTERS, Bucket, channel_buckets, ups_buckets
from reporting.state_spans import StateChannel

MOST_CHOICES = 500
SAYS_NOTHING = ("state", "load", "other")  # groups whose names add nothing to a label
CHOICES = f"""select * from value_latest where value is not null
  order by (unit is not :unit), node, child_id, type limit {MOST_CHOICES}"""
BY_REF = "select * from value_latest where gateway = ? and node_id = ? and child_id = ? and type = ?"


class Queries(NamedTuple):
    """The canned queries of a kind of series, and how rows of its history are read."""

    history: str
    histogram: str
    by_hour: str
    read: Callable[[Iterable[Row]], list[Bucket]]


OF_CHANNELS = Queries("channel_history", "channel_histogram", "channel_by_hour", channel_buckets)
OF_UPSES = Queries("ups_history", "ups_histogram", "ups_by_hour", ups_buckets)


@dataclass(frozen=True)
class KeptSeries:
    """A series: its name in addresses, and the parameters that pick it in the canned queries."""

    ref: str  # main/7/1/V_TEMP, rack@closet/input.voltage
    label: str
    unit: str
    href: str
    params: Mapping[str, str]
    queries: Queries
    is_counter: bool = False


def sensor_label(row: Row) -> str:
    """What the sensor of a row of value_latest is called."""
    return row["sensor_label"] or row["description"] or f"{row['child_id']} {row['type']}"


def channel_series(row: Row) -> KeptSeries:
    """The channel of a row of value_latest."""
    return KeptSeries(
        row["channel_href"].removeprefix("/nodes/"),
        f"{row['node_name']} · {sensor_label(row)}",
        row["unit"] or "",
        row["channel_href"],
        {"channel": str(row["id"])},
        OF_CHANNELS,
        row["type"] in COUNTERS,
    )


def state_channel(row: Row, silent: Sequence[Interval] = ()) -> StateChannel:
    """The channel of a row of value_latest as a row of states."""
    return StateChannel(sensor_label(row), row["type"], row["sensor_type"] or "", row["channel_href"], silent)


def ups_figure(ups: Row, name: str, label: str = "") -> KeptSeries:
    """A figure of a row of ups_overview; `label` is that of the config."""
    return KeptSeries(
        f"{ups['name']}/{name}",
        f"{ups['label']} · {label or figure_label(name)}",
        figure_unit(name),
        figure_page(ups["name"], name),
        {"ups": ups["name"], "figure": SAMPLED.get(name, name)},
        OF_UPSES,
    )


def figure_label(name: str) -> str:
    """The label of a figure of a UPS away from the others of its group."""
    if name == WATTS:
        return "Power"
    entry = variable(name)
    says_it = entry.group in SAYS_NOTHING or entry.group in entry.label.lower()
    return entry.label if says_it else full_label(name)


def figure_unit(name: str) -> str:
    """The unit of a figure of a UPS."""
    return "W" if name == WATTS else variable(name).unit


async def find_series(site: Site, refs: Sequence[str]) -> tuple[list[KeptSeries], list[str]]:
    """The series of these names, and the names that are none."""
    found, unknown = [], []
    for ref in refs:
        one = await (_find_channel(site, ref) if ref.count("/") == 3 else _find_figure(site, ref))
        if one is None:
            unknown.append(ref)
        else:
            found.append(one)
    return found, unknown


async def _find_channel(site: Site, ref: str) -> KeptSeries | None:
    rows = await select(site, BY_REF, ref.split("/"))
    return channel_series(rows[0]) if rows else None


async def _find_figure(site: Site, ref: str) -> KeptSeries | None:
    ups, _, name = ref.partition("/")
    rows = await select(site, "select id, name, label from ups where name = ?", [ups])
    if not rows or (name not in SAMPLED and name not in await series_names(site, rows[0]["id"])):
        return None
    return ups_figure(rows[0], name)


class Choice(NamedTuple):
    """A series that can be laid over another."""

    ref: str
    label: str


async def series_choices(site: Site, own: KeptSeries) -> dict[str, list[Choice]]:
    """What can be laid over a series: heading -> choices, those of its unit first."""
    channels = await select(site, CHOICES, {"unit": own.unit}) or []
    upses = await select(site, "select * from ups_overview order by name") or []
    everything = [channel_series(row) for row in channels]
    everything += [
        ups_figure(ups, name)
        for ups in upses
        for name, column in SAMPLED.items()
        if ups.get(column) is not None
    ]
    groups: dict[str, list[Choice]] = {"Same unit": [], "Other units": []}
    for one in everything:
        if one.ref != own.ref:
            heading = "Same unit" if one.unit == own.unit else "Other units"
            groups[heading].append(Choice(one.ref, f"{one.label}, {one.unit}" if one.unit else one.label))
    return {heading: found for heading, found in groups.items() if found}
