"""Canned queries whose SQL depends on what there is."""

from collections.abc import Awaitable
from typing import Any

from datasette import hookimpl

from plugins.web.compat import written_queries
from plugins.web.pages.ups_compare import compare_query
from plugins.web.query import DATABASE
from plugins.web.site import site_of


@hookimpl
def canned_queries(datasette: Any, database: str) -> Awaitable[dict[str, Any]]:
    """`ups_compare` with a column for each UPS."""
    site = site_of(datasette)

    async def inner() -> dict[str, Any]:
        queries = written_queries(site)
        if database != DATABASE or "ups_compare" not in queries:
            return {}
        return await compare_query(site, queries["ups_compare"])

    return inner()
