"""Pages of native tables that are filtered by a column with an index by time: samples of a UPS, readings.

SQLite finds such rows by that index, in the order of their time, but Datasette shows them by `id`: all rows
of the UPS would be read and sorted for the 50 on a page. A bound on `id` that leaves enough rows for a page
lets it sort those alone. The bound is the least id of as many rows as a page has, the last in the order of
the index: at least these have no lower id, so no row below it stands on the page, however clocks were set.
Where the time follows the column in the index, and few rows of all UPSes have come from that id on, their
least time is a bound that SQLite looks up in the index, instead of reading the index of that UPS.
"""

from datasette import Request
from datasette.filters import FilterArguments
from datasette.utils import urlsafe_components

from ingest.orders.numbers import whole_number
from plugins.web.compat import described_tables
from plugins.web.site import Site

INDEXED = {  # table -> the column that it is filtered by, those that follow in the index, the time last
    "ups_samples": ("ups", ("sampled_at",)),
    "ups_figures": ("ups", ("variable", "sampled_at")),
    "readings": ("channel", ("received_at",)),
    "polls": ("ups", ("started_at",)),
}
# Options that leave the rows as they are. A stream of CSV asks for its further pages without `_next`.
HARMLESS = frozenset(
    "_next _size _nocount _nofacet _sort_desc _col _nocol _labels _shape _json _header _nl _dl _ttl".split()
)
NEAR = 10_000  # rows of all UPSes: reading so many takes less than the index of one of them
DIGITS = 18  # of an id: all that SQLite makes have fewer


def newest_rows(site: Site, request: Request, table: str) -> FilterArguments | None:
    """The bound, or None where another filter, order, facet or count needs all rows."""
    column, others = INDEXED.get(table, ("", ()))
    value = whole_number(_only_filter(request, column), DIGITS)
    before = whole_number(urlsafe_components(request.args.get("_next") or "9" * DIGITS)[-1], DIGITS)
    size = request.args.get("_size") or described_tables(site).get(table, {}).get("size")
    most = site.setting("max_returned_rows")
    asked = whole_number(str(most if size == "max" else size), DIGITS)
    if not column or value is None or before is None or asked is None:
        return None
    newest = (  # :p0 is the value of Datasette's own filter
        f"select id from {table} where {column} = :p0 and id < :bound_before "
        f"order by {', '.join(f'{other} desc' for other in others)} limit :bound_rows"
    )
    first = f"(select min(id) from ({newest}))"
    clauses = [f"id >= {first}"]
    if len(others) == 1:
        last = f"(select max(id) from {table} where id < :bound_before)"
        least = f"(select min({others[0]}) from {table} where id >= {first} and id < :bound_before)"
        clauses.append(f"{others[0]} >= iif({last} - {first} < :bound_near, {least}, '')")
    bounds = {"bound_before": before, "bound_rows": min(asked, most) + 1, "bound_near": NEAR}
    return FilterArguments(clauses, bounds)


def _only_filter(request: Request, column: str) -> str:
    """The value that this column has to be equal to, or "" where that is not all that is asked for."""
    filters = [key for key in request.args if key not in HARMLESS]
    if filters not in ([column], [f"{column}__exact"]) or not request.args.get("_nocount"):
        return ""
    values, sorted_by = request.args.getlist(filters[0]), request.args.getlist("_sort_desc")
    return values[0] if len(values) == 1 and sorted_by in ([], ["id"]) else ""
