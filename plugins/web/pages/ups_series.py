"""Which variables of a UPS are kept as series, and in which charts its page draws them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingest.schema.ups import UPS_FIGURES
from ingest.ups.variables import pattern_of, series_title, variable
from plugins.web.query import select
from plugins.web.site import Site

WATTS = "watts"  # computed where the device gives per cent alone
MOST_DRAWN = 24  # series; a chart costs a query for each: the rest are links
# One step of the index for each variable, however many hours there are.
NAMES = """with recursive names (variable) as (
  select min(variable) from ups_figures_hourly where ups = :ups
  union all
  select (select min(h.variable) from ups_figures_hourly h where h.ups = :ups and h.variable > names.variable)
  from names where variable is not null
)
select variable from names where variable is not null"""
SAMPLED = {name.replace("_", "."): name for name in UPS_FIGURES} | {WATTS: WATTS}  # NUT's name -> column
COLUMNS = {column: name for name, column in SAMPLED.items()}
ORDER = ("ambient.", "input.", "output.", "ups.", "outlet.group.", "outlet.")


class SeriesChart(NamedTuple):
    """A chart of variables of one pattern: its title and unit, and variable -> label of each line."""

    title: str
    unit: str
    lines: dict[str, str]


async def series_names(site: Site, ups: int) -> list[str]:
    """The variables of a UPS that are kept as series."""
    return [row["variable"] for row in await select(site, NAMES, {"ups": ups}) or []]


def figure_page(ups: str, figure: str) -> str:
    """The page of a figure of a UPS: a column of its samples, or NUT's name of a variable."""
    return f"/ups/{ups}/{COLUMNS.get(figure, figure)}"


def plan_series(names: Sequence[str], labels: Mapping[str, str]) -> tuple[list[SeriesChart], list[str]]:
    """The charts for these variables, and those that are left out; `labels` are the config's names.

    What only the config asks for comes first, then the surroundings, phases and outlets.
    """

    def rank(name: str) -> tuple[int, int, str]:
        place = next((n for n, prefix in enumerate(ORDER) if name.startswith(prefix)), -1)
        return place, variable(name).order, pattern_of(name)

    patterns: dict[str, list[str]] = {}
    for name in sorted(names, key=rank):
        patterns.setdefault(pattern_of(name), []).append(name)
    charts: list[SeriesChart] = []
    left: list[str] = []
    drawn = 0
    for found in patterns.values():
        if drawn and drawn + len(found) > MOST_DRAWN:
            left += found
            continue
        drawn += len(found)
        title = labels.get(found[0], "") if len(found) == 1 else ""
        lines = {name: labels.get(name) or variable(name).label for name in found}
        charts.append(SeriesChart(title or series_title(found), variable(found[0]).unit, lines))
    return charts, left
