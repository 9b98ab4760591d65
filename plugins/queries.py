"""Canned queries whose SQL depends on what there is."""

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.compat import written_queries
from plugins.web.endpoint import Json
from plugins.web.query import DATABASE, select
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
