"""The cards that the site brings along, each with the rows that its template shows."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from ingest.db.time import parse_utc
from ingest.mysensors.battery_reports import LOW
from plugins.web.endpoint import Json
from plugins.web.pages.cards.card import MOST_OUTAGES, CardError, CardKind, CardWork, EmptyCardError
from plugins.web.pages.cards.events import group_events, read_events
from plugins.web.pages.cards.house_power import DAY_S, HousePower, house_power
from plugins.web.pages.cards.sensors import sensors
from plugins.web.pages.node_choice import WORST, urgency
from plugins.web.pages.radio import read_log
from plugins.web.query import Row, select
from plugins.web.readers import KINDS as READER_KINDS
from reporting.charts import ChartSeries, Point, StackData, draw_sparkline, draw_stack
from reporting.outages import merge_overlaps, parse_outage
from reporting.power_flow import mains_of
from reporting.sparklines import UPS_LOADS, ups_loads

NODES, UPSES = 20, 24  # rows
ITEMS = 5  # things that need attention; the rest can be opened
EVENT_ROWS, OUTAGE_ROWS, MESSAGES = 8, 8, 10
RECENT_DAYS = 7  # of outages
DOTS = 40  # nodes; more are a bar
NO_UPS = "There is no UPS: name one under `nut:` or `must:` in `config.yml`."
COMPARED = 90  # per cent of the time that has to be measured on both days


class DayComparison(NamedTuple):
    """Energy of today beside that of yesterday by the same hour."""

    per_cent: int
    until: str

    @property
    def text(self) -> str:
        """As a part of a sentence."""
        if not self.per_cent:
            return f"as much as yesterday by {self.until}"
        sign = "more" if self.per_cent > 0 else "less"
        return f"{abs(self.per_cent)}\u202f% {sign} than yesterday by {self.until}"


def compare_days(now: Row) -> DayComparison | None:
    """Today and yesterday, a row of house_now; None where one of them was not measured."""
    before = now["kwh_yesterday_until"]
    if not before or now["kwh_today_until"] is None or (now["measured_until"] or 0) < COMPARED:
        return None
    return DayComparison(round(100 * (now["kwh_today_until"] / before - 1)), now["until_at"])


async def tiles(work: CardWork) -> Json:
    """The figures of now, a row of house_now."""
    now, nodes = work.rows("now")[0], work.rows("nodes")
    power = await house_power(work.site, now["recorded_from"]) if now["watts"] is not None else None
    ordered = sorted(nodes, key=lambda node: (not _is_heard(node), node["id"]))
    before, today = now["kwh_yesterday"], now["kwh_today"]
    return {
        "now": now,
        "seconds": time.time() - parse_utc(now["since_at"]) if now["since_at"] else None,
        "comparison": compare_days(now),
        "share": min(1.0, today / before) if before and today is not None else None,
        "power": power and _draw_sum(power),
        "dots": [_is_heard(node) for node in ordered] if len(ordered) <= DOTS else [],
        "silent": sorted((node for node in nodes if node["state"] == "Stale"), key=urgency),
        "low": LOW,
    }


def _is_heard(node: Row) -> bool:
    return bool(node["last_seen_at"]) and node["state"] != "Stale"


def _draw_sum(power: HousePower) -> object:
    points = [Point(at, watts, watts, watts) for at, watts in power.sums()]
    return draw_sparkline(points, power.since, power.until, text="Watts of the house in 24 hours", unit="W")


async def power(work: CardWork) -> Json:
    """The chart of the watts of every UPS."""
    now = work.rows("now")[0]
    if not now["upses"]:
        raise EmptyCardError(NO_UPS)
    found = await house_power(work.site, now["recorded_from"])
    if found is None:
        raise CardError("This took too long and was left out.", "/telemetry/house_power")
    series: dict[str, list[Point]] = {ups["label"]: [] for ups in work.rows("upses")}
    for row in found.rows:
        at = parse_utc(row["at"]) + row["bucket_s"] / 2
        series.setdefault(row["label"], []).append(Point(at, row["watts"], row["min"], row["max"]))
    shaded = merge_overlaps(parse_outage(row) for row in work.rows("outages"))
    lines = [ChartSeries(label, points) for label, points in series.items()]
    data = StackData("House power", "W", lines, found.since, found.until, shaded=shaded)
    return {"chart": draw_stack(data, work.site.timezone), "rows": len(found.rows)}


async def attention(work: CardWork) -> Json:
    """What needs a look, and how much else is OK."""
    found = work.found
    fine = {
        "UPS": sum(ups["state"] == "OK" for ups in found["upses"] or []),
        "node": sum(node["state"] == "OK" for node in found["nodes"] or []),
        "source": sum(reader["verdict"] == "OK" for reader in found["readers"] or []),
    }
    return {"items": work.rows("attention"), "shown": ITEMS, "fine": fine}


async def flow(work: CardWork) -> Json:
    """The way of the power, from the mains to the loads."""
    upses = work.rows("upses")
    if not upses:
        raise EmptyCardError(NO_UPS)
    return {"upses": _first_upses(upses), "mains": mains_of(upses), "all": len(upses)}


async def ups(work: CardWork) -> Json:
    """A row for each UPS."""
    upses = work.rows("upses")
    loads = ups_loads(await select(work.site, UPS_LOADS), time.time())
    return {
        "upses": _first_upses(upses),
        "all": len(upses),
        "loads": loads,
        "note": f"{sum(one['state'] == 'OK' for one in upses)} of {len(upses)} OK",
    }


def _first_upses(upses: Sequence[Row]) -> Sequence[Row]:
    """All in the order of the config; the worst where there are too many."""
    return upses if len(upses) <= UPSES else sorted(upses, key=lambda one: WORST[one["state"]])[:UPSES]


async def nodes(work: CardWork) -> Json:
    """A row for each node, worst first."""
    found = work.rows("nodes")
    return {
        "nodes": sorted(found, key=urgency)[:NODES],
        "all": len(found),
        "note": f"{sum(map(_is_heard, found))} of {len(found)} heard, worst first",
    }


async def outages(work: CardWork) -> Json:
    """A row for each outage of the mains."""
    rows = work.rows("outages")
    labels = {one["name"]: one["label"] for one in work.rows("upses")}
    parsed = [parse_outage(row) for row in rows]
    ago = time.time() - RECENT_DAYS * DAY_S
    return {
        "outages": [
            row | {"members": outage.members} for row, outage in zip(rows[:OUTAGE_ROWS], parsed, strict=False)
        ],
        "labels": labels,
        "all": len(labels),
        "note": _recent(sum(outage.end >= ago for outage in parsed), len(parsed)),
        "recorded_from": work.rows("now")[0]["recorded_from"],
    }


def _recent(count: int, known: int) -> str:
    """How many outages there were lately; `known` is how many are looked at."""
    at_least = " or more" if count == MOST_OUTAGES else ""
    return f"{count or 'none'}{at_least} in the last {RECENT_DAYS} days" if known else ""


async def events(work: CardWork) -> Json:
    """The newest events, those of one outage together."""
    found, outage_of = await read_events(work.site)
    if found is None:
        raise CardError("This took too long and was left out.", "/telemetry/all_events")
    return {"groups": group_events(found, outage_of)[:EVENT_ROWS]}


async def messages(work: CardWork) -> Json:
    """The newest messages as text."""
    keepalive = bool(work.request.args.get("keepalive"))
    found = await read_log(work.site, {"keepalive": "1"} if keepalive else {}, None)
    if found.slow:
        raise CardError("This took too long and was left out.", "/telemetry/message_log")
    newest = found.entries[0].at if found.entries else None
    return {
        "entries": found.entries[:MESSAGES],
        "keepalive": keepalive,
        "note": "the last" if newest else "",
        "note_at": newest,
    }


async def sources(work: CardWork) -> Json:
    """Gateways, NUT servers and EP20s with the state of their readers."""
    readers = work.rows("readers")
    return {
        "readers": readers,
        "kinds": READER_KINDS,
        "note": f"{sum(one['verdict'] == 'OK' for one in readers)} of {len(readers)} answer",
    }


OF_UPSES, OF_NODES = "ups ups_samples events ingest_status", "nodes messages ingest_status"
KINDS = (
    CardKind(
        *("tiles", "At a glance", "mains, watts, energy, runtime, nodes, batteries", tiles),
        rows="house_now",
        topics="ups ups_samples nodes events ingest_status",
        size="full",
        sizes=("half", "wide", "full"),
        queries=("now", "nodes"),
        is_bare=True,
    ),
    CardKind(
        *("power", "House power", "watts of every UPS in 24 hours", power),
        rows="house_power",
        topics="ups_samples events",
        size="wide",
        queries=("now", "upses", "outages"),
    ),
    CardKind(
        *("attention", "Needs a look", "what is not OK, worst first", attention),
        rows="attention",
        topics="ingest_status nodes events ups outbox ota_updates rejects dropped",
        size="small",
        queries=("attention", "upses", "nodes", "readers"),
    ),
    CardKind(
        *("flow", "Power flow", "from the mains to the loads", flow),
        rows="ups_overview",
        topics="ups ups_samples events",
        queries=("upses",),
    ),
    CardKind(
        *("sensors", "Sensors", "values of sensors with their last day", sensors),
        rows="value_latest",
        topics="channels",
    ),
    CardKind(
        *("ups", "UPSes", "state, charge, runtime and load of each", ups),
        rows="ups_overview",
        topics=OF_UPSES,
        size="folded",
        queries=("upses",),
    ),
    CardKind(
        *("nodes", "Nodes", "state and battery of each, worst first", nodes),
        rows="node_overview",
        topics=OF_NODES,
        size="folded",
        queries=("nodes",),
    ),
    CardKind(
        *("outages", "Outages", "one row for each", outages),
        rows="mains_outages",
        topics="events",
        size="folded",
        queries=("outages", "upses", "now"),
    ),
    CardKind(
        *("events", "Newest events", "of UPSes, nodes and gateways", events),
        rows="all_events",
        topics="events",
        size="folded",
    ),
    CardKind(
        *("messages", "Newest messages", "what nodes sent, as text", messages),
        rows="message_log",
        topics="messages outbox",
        size="folded",
    ),
    CardKind(
        *("sources", "Sources", "gateways, NUT servers, EP20s", sources),
        rows="readers",
        topics="ingest_status",
        size="folded",
        queries=("readers",),
    ),
)
