"""Which columns of a table or view its page shows at first: a reader of 39 needs some ten.

JSON and CSV, and what Datasette reads for the page, stay as they are: the page alone leaves columns out.
`_col` and `_nocol` choose as everywhere in Datasette; `_columns=all` shows everything.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from datasette.utils import MultiParams

from plugins.web.compat import described_tables
from plugins.web.site import Site

FEW = 10  # columns of which none is left out
CHOOSING = ("_col", "_nocol", "_columns")  # parameters that choose columns
REPEATED = frozenset("node_id child_id label ref href channel_href".split())  # of the column `name`
EMPTY = (None, "")
BLANK = ("", "&nbsp;", "None")  # what an empty cell shows
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


class ShownColumns(NamedTuple):
    """The columns that a page shows, by their positions and in their order, and how many it leaves out."""

    at: list[int]
    names: list[str]
    numbers: set[int]  # those of all columns that hold numbers
    left_out: int


def table_columns(
    site: Site, table: str, args: MultiParams, rows: Iterable[Iterable[Mapping[str, object]]]
) -> ShownColumns:
    """The columns to show of rows of Datasette's cells: all of a few, or those of the address."""
    cells = [list(row) for row in rows]
    names = [str(cell["column"]) for cell in cells[0]] if cells else []
    if len(names) <= FEW or any(name in args for name in CHOOSING):
        shown = list(range(len(names)))
    else:
        shown = columns_at_first(
            names, described_tables(site).get(table, {}).get("first_columns"), args, cells
        )
    numbers = number_columns([[cell["value"] for cell in row] for row in cells])
    return ShownColumns(shown, [names[at] for at in shown], numbers, len(names) - len(shown))


def columns_at_first(
    names: Sequence[str],
    first: Sequence[str] | None,
    args: MultiParams,
    cells: Sequence[Sequence[Mapping[str, object]]],
) -> list[int]:
    """Positions of the columns that are shown where nothing was chosen.

    They are `first` (`first_columns` of metadata.yml) in that order; where a table has none, all that do not
    repeat its name. Those that are empty in all rows are left out, but not those that the address sorts or
    filters by.
    """
    asked = {args.get("_sort"), args.get("_sort_desc"), *(name.partition("__")[0] for name in args)}
    first = first or [name for name in names if name not in (REPEATED if "name" in names else ())]
    link = [at for at, cell in enumerate(cells[0]) if cell["value_type"] == "pk"]
    at_first = [*link, *(names.index(name) for name in first if name in names)]
    at_asked = [at for at, name in enumerate(names) if name in asked]
    return [at for at in dict.fromkeys(at_first + at_asked) if at in at_asked or _has_values(cells, at)]


def _has_values(cells: Sequence[Sequence[Mapping[str, object]]], at: int) -> bool:
    return any(row[at]["raw"] not in EMPTY for row in cells)


def number_columns(rows: Iterable[Iterable[object]]) -> set[int]:
    """Positions of the columns in which nothing but numbers, and empty cells, is read."""
    kinds: dict[int, set[bool]] = {}
    for row in rows:
        for at, shown in enumerate(row):
            if (text := str(shown).strip()) not in BLANK:
                kinds.setdefault(at, set()).add(bool(NUMBER.fullmatch(text)))
    return {at for at, found in kinds.items() if found == {True}}
