"""Canned queries: one whose SQL depends on what there is, those that users saved, and charts of queries."""

from collections.abc import Sequence
from functools import partial

from datasette import Request, Response, hookimpl
from datasette.app import Datasette

from plugins.web.actions import saved_queries as actions
from plugins.web.app.visitors import remembered
from plugins.web.auth.permissions import has_right, may_write_sql
from plugins.web.compat import written_queries
from plugins.web.endpoint import Json, Route
from plugins.web.query import DATABASE, select
from plugins.web.query_charts import query_chart, svg_of_query
from plugins.web.saved_queries import as_canned_query, saved_queries
from plugins.web.site import Site, site_of
from reporting.ups_comparison import COMPARED, comparison_sql


@hookimpl
async def canned_queries(datasette: Datasette, database: str) -> Json:
    """`ups_compare` with a column for each UPS; the queries that users saved."""
    if database != DATABASE:
        return {}
    return await remembered("canned_queries", lambda: find_queries(site_of(datasette)))


async def find_queries(site: Site) -> Json:
    """Name -> query, besides or in place of those of metadata.yml."""
    queries = written_queries(site)
    found = {name: as_canned_query(query) for name, query in (await saved_queries(site)).items()}
    upses = await select(site, COMPARED) if "ups_compare" in queries else None
    if upses:
        sql = comparison_sql([(ups["id"], ups["name"]) for ups in upses])
        found["ups_compare"] = {**queries["ups_compare"], "sql": sql}
    return found


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """Saving, changing and deleting queries."""
    return actions.ROUTES if site_of(datasette).has_config else ()


@hookimpl
def extra_template_vars(datasette: Datasette, request: Request | None) -> Json:
    """`query_chart(...)`, `about_query(name)` and `saves_queries` for the pages of queries."""
    if request is None:
        return {}
    site, actor = site_of(datasette), request.actor

    async def about_query(name: str) -> Json:
        return await site.get_canned_query(DATABASE, name, actor) or {}

    saves = site.has_config and has_right(site, actor, "edit") and may_write_sql(site, actor)
    return {
        "query_chart": partial(query_chart, site, request),
        "about_query": about_query,
        "saves_queries": saves,
    }


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
