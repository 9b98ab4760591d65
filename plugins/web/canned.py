"""The canned queries of metadata.yml, run for pages."""

from typing import Any

from plugins.web.compat import written_queries
from plugins.web.query import Row, select
from plugins.web.site import Site
from reporting.canned_queries import CannedQuery, parse_queries


def queries_of(site: Site) -> dict[str, CannedQuery]:
    """All queries of metadata.yml by name."""
    return parse_queries(written_queries(site))


async def run_query(site: Site, name: str, **params: Any) -> list[Row] | None:  # Any: whatever SQLite takes
    """Rows of a query; parameters that are left out are empty. None when it took too long."""
    query = queries_of(site)[name]
    return await select(site, query.sql, query.fill(params))
