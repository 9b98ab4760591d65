"""/-/maintenance with its deeds, a copy of the file to take away, and /-/delete."""

from datasette import hookimpl

from ingest.site import deletions
from ingest.site import maintenance as site
from ingest.site.forms import post_route


@hookimpl
def register_routes(datasette):
    if not hasattr(datasette, "rights"):
        return []
    return [
        (r"^/-/maintenance$", maintenance),
        (r"^/-/maintenance/backup\.db$", download),
        post_route(r"^/-/maintenance/(?P<chore>[a-z]+)$", run_chore),
        post_route(r"^/-/delete$", delete),
    ]


async def maintenance(datasette, request):
    return await site.maintenance(datasette, request)


async def download(datasette, request):
    return await site.download(datasette, request)


async def run_chore(datasette, request):
    return await site.run_chore(datasette, request)


async def delete(datasette, request):
    return await deletions.delete_page(datasette, request)
