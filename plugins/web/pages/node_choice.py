"""Which nodes a page of /nodes shows: those that match, in an order, some at a time. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from plugins.web.pages.row_choice import RowChoice, choose_page, matches
from plugins.web.query import Row

PER_PAGE = 100
FACETS = ("state", "gateway", "sketch_name", "label", "location", "role")
SEARCHED = ("name", "ref", "sketch_name", "location")
WORST = {"Critical": 0, "Stale": 1, "Warning": 2, "No data": 3, "OK": 4, "Retired": 5}  # state -> place
BEHIND = "-"  # before the name of an order: the other way round

Key: TypeAlias = Callable[[Row], tuple[float | str, ...]]


def _number(name: str) -> Key:
    """By a figure, the least first."""
    return lambda row: (row[name],)


def _text(name: str) -> Key:
    return lambda row: (str(row[name]).casefold(),)


def urgency(node: Row) -> tuple[int, float, str, int]:
    """Sort key of a row of node_overview: worst first, then the longest silence, then by name."""
    silent_s = (node["silent_s"] or 0) if node["state"] in ("Stale", "No data") else 0
    return WORST[node["state"]], -silent_s, node["name"].casefold(), node["id"]


class Order(NamedTuple):
    """An order and its other way round, and the column it goes by; rows without that come last."""

    forward: str
    backward: str
    column: str
    key: Key


ORDERS: Mapping[str, Order] = {
    "name": Order("by name", "by name, backwards", "name", _text("name")),
    "battery": Order(
        "weakest battery first", "strongest battery first", "battery_level", _number("battery_level")
    ),
    "changed": Order(
        "newest battery first", "oldest battery first", "battery_months", _number("battery_months")
    ),
    "heard": Order("heard last first", "longest silence first", "silent_s", _number("silent_s")),
    "interval": Order("most frequent first", "rarest first", "usual_interval_s", _number("usual_interval_s")),
    "sketch": Order("by sketch", "by sketch, backwards", "sketch_name", _text("sketch_name")),
    "parent": Order("by parent", "by parent, backwards", "parent", _text("parent")),
    "today": Order(
        "fewest messages first", "most messages first", "messages_today", _number("messages_today")
    ),
}


def describe_order(kept: Mapping[str, str]) -> str:
    """How the order is called that the parameters `sort` and `group` ask for."""
    name = kept.get("sort", "")
    order = ORDERS.get(name.removeprefix(BEHIND))
    words = "worst first" if order is None else order.backward if name.startswith(BEHIND) else order.forward
    return f"by location, {words}" if kept.get("group") else words


def choose_nodes(nodes: Sequence[Row], args: Mapping[str, str]) -> RowChoice:
    """The page that the parameters `page`, `sort`, `group`, `q` and those of FACETS ask for.

    A page that does not exist is the nearest one, an unknown order is the worst first.
    """
    kept = {name: args[name].strip() for name in ("sort", *FACETS, "q") if args.get(name)}
    if kept.get("sort", "").removeprefix(BEHIND) not in ORDERS:
        kept.pop("sort", None)
    if args.get("group") == "location":
        kept["group"] = "location"
    if args.get("retired"):
        kept["retired"] = "1"
    matching = _sorted([row for row in nodes if matches(row, kept, FACETS, SEARCHED)], kept)
    return choose_page(matching, args.get("page"), kept, PER_PAGE)


def _sorted(rows: Sequence[Row], kept: Mapping[str, str]) -> list[Row]:
    found = sorted(rows, key=urgency)
    name = kept.get("sort", "")
    order = ORDERS.get(name.removeprefix(BEHIND))
    if order is not None:
        known = [row for row in found if row[order.column] is not None]
        known.sort(key=order.key, reverse=name.startswith(BEHIND))
        found = known + [row for row in found if row[order.column] is None]
    if kept.get("group"):
        found.sort(key=lambda row: (not row["location"], row["location"].casefold()))
    return found
