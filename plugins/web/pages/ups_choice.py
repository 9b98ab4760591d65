"""Which UPSes a page of /ups shows: those that match, in an order, some at a time. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from plugins.web.pages.nodes import WORST
from plugins.web.query import Row

PER_PAGE = 24
MAX_PAGE = 10_000
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


class UpsChoice(NamedTuple):
    """The UPSes of one page. `kept`: the parameters of its address, without the page."""

    shown: Sequence[Row]
    matching: int
    page: int
    pages: int
    kept: Mapping[str, str]

    @property
    def first(self) -> int:
        """The place of the first one shown among those that match, from 1."""
        return (self.page - 1) * PER_PAGE + 1


def choose_upses(upses: Sequence[Row], args: Mapping[str, str]) -> UpsChoice:
    """The page that the parameters `page`, `sort`, `q` and those of FACETS ask for.

    A page that does not exist is the nearest one, an unknown order that of the config.
    """
    kept = {name: args[name] for name in ("sort", *FACETS, "q") if args.get(name)}
    if kept.get("sort") not in SORTS:
        kept.pop("sort", None)
    matching = [row for row in upses if _matches(row, kept)]
    matching.sort(key=SORTS[kept.get("sort", "")][1])
    pages = max(1, -(-len(matching) // PER_PAGE))
    text = args.get("page") or "1"
    number = int(text) if text.isascii() and text.isdigit() and len(text) < len(str(MAX_PAGE)) else 1
    number = min(max(number, 1), pages)
    shown = matching[(number - 1) * PER_PAGE : number * PER_PAGE]
    return UpsChoice(shown, len(matching), number, pages, kept)


def _matches(row: Row, kept: Mapping[str, str]) -> bool:
    text = " ".join(str(row[name] or "") for name in SEARCHED).lower()
    return all(str(row[name] or "") == kept[name] for name in FACETS if name in kept) and all(
        word in text for word in kept.get("q", "").lower().split()
    )
