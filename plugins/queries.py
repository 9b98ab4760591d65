"""Canned queries: one whose SQL depends on what there is, and charts of those that have a fragment."""

from collections.abc import Sequence
from functools import partial

from datasette import Request, Response, hookimpl
from datasette.app import Datasette

from plugins.web.compat import written_queries
from plugins.web.endpoint import Json
from plugins.web.query import DATABASE, select
from plugins.web.query_charts import query_chart, svg_of_query
from plugins.web.site import site_of
from reporting.ups_comparison import COMPARED, comparison_sql


@hookimpl
async def canned_queries(datasette: Datasette, database: str) -> Json:
    """`ups_compare` with a column for each UPS."""
    site = site_of(datasette)
    queries = written_queries(site)
    upses = await select(site, COMPARED) if database == DATABASE and "ups_compare" in queries else None
    if not upses:
        return {}
    sql = comparison_sql([(ups["id"], ups["name"]) for ups in upses])
    return {"ups_compare": {**queries["ups_compare"], "sql": sql}}


@hookimpl
def extra_template_vars(datasette: Datasette, request: Request | None) -> Json:
    """`query_chart(name, columns, rows)` for the page of a canned query."""
    return {"query_chart": partial(query_chart, site_of(datasette), request)} if request else {}


@hookimpl
def register_output_renderer(datasette: Datasette) -> Json:
    """The chart of a canned query as a file: its address with `.svg`."""
    site = site_of(datasette)

    async def render(
        request: Request, query_name: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> Response:
        return await svg_of_query(site, request, query_name, columns, rows)

    def is_listed() -> bool:
        return False  # the chart on the page of its query leads to it: not all rows have one

    return {"extension": "svg", "render": render, "can_render": is_listed}
