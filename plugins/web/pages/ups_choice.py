"""Which UPSes a page of /ups shows: those that match, in an order, some at a time. Pure."""

from collections.abc import Callable, Mapping, Sequence

from plugins.web.pages.node_choice import WORST
from plugins.web.pages.row_choice import RowChoice, choose_page, matches
from plugins.web.query import Row

PER_PAGE = 24
FACETS = ("state", "source", "location")
SEARCHED = ("name", "label", "location", "mfr", "model", "serial", "status")


def _least_first(name: str) -> Callable[[Row], tuple[bool, float]]:
    return lambda row: (row[name] is None, row[name] or 0.0)


def _greatest_first(name: str) -> Callable[[Row], tuple[bool, float]]:
    return lambda row: (row[name] is None, -(row[name] or 0.0))


SORTS: Mapping[str, tuple[str, Callable[[Row], tuple[bool | int, float | str]]]] = {
    "": ("as configured", lambda row: (0, row["id"])),
    "state": ("worst first", lambda row: (WORST[row["state"]], row["id"])),
    "name": ("by name", lambda row: (0, row["label"].lower())),
    "charge": ("least charge first", _least_first("battery_charge")),
    "runtime": ("least runtime first", _least_first("battery_runtime")),
    "load": ("greatest load first", _greatest_first("ups_load")),
    "age": ("oldest battery first", _greatest_first("battery_months")),
}


def choose_upses(upses: Sequence[Row], args: Mapping[str, str]) -> RowChoice:
    """The page that the parameters `page`, `sort`, `q` and those of FACETS ask for.

    A page that does not exist is the nearest one, an unknown order that of the config.
    """
    kept = {name: args[name] for name in ("sort", *FACETS, "q") if args.get(name)}
    if kept.get("sort") not in SORTS:
        kept.pop("sort", None)
    matching = [row for row in upses if matches(row, kept, FACETS, SEARCHED)]
    matching.sort(key=SORTS[kept.get("sort", "")][1])
    return choose_page(matching, args.get("page"), kept, PER_PAGE)
