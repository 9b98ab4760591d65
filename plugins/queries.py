"""Canned queries whose SQL depends on what there is."""

from datasette import hookimpl

from plugins.web.pages.ups_compare import compare_query
from plugins.web.query import DATABASE


@hookimpl
def canned_queries(datasette, database):
    async def inner():
        written = datasette.metadata("queries", database=DATABASE, fallback=False) or {}
        if database != DATABASE or "ups_compare" not in written:
            return {}
        return await compare_query(datasette, written["ups_compare"])

    return inner
