"""Canned queries whose SQL depends on what there is."""

from collections.abc import Awaitable

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.compat import written_queries
from plugins.web.endpoint import Json
from plugins.web.pages.ups_compare import compare_query
from plugins.web.query import DATABASE
from plugins.web.site import site_of


@hookimpl
def canned_queries(datasette: Datasette, database: str) -> Awaitable[Json]:
    """`ups_compare` with a column for each UPS."""
    site = site_of(datasette)

    async def inner() -> Json:
        queries = written_queries(site)
        if database != DATABASE or "ups_compare" not in queries:
            return {}
        return await compare_query(site, queries["ups_compare"])

    return inner()
