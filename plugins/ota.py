"""Firmware over the air: the page /-/ota, uploads, updates, commands to bootloaders."""

from datasette import hookimpl

from ingest.site import ota_page, updates, uploads
from ingest.site.forms import post_route


@hookimpl
def register_routes(datasette):
    if not hasattr(datasette, "rights"):
        return []
    return [
        (r"^/-/ota$", page),
        post_route(r"^/-/ota/firmware$", _handler(uploads.post_firmware)),
        post_route(r"^/-/ota/firmware/(?P<id>\d{1,9})/delete$", _handler(uploads.post_delete)),
        post_route(r"^/-/ota/updates$", _handler(updates.post_updates)),
        post_route(r"^/-/ota/updates/(?P<id>\d{1,9})/cancel$", _handler(updates.post_cancel)),
        post_route(r"^/-/ota/updates/(?P<id>\d{1,9})/retry$", _handler(updates.post_retry)),
        post_route(r"^/-/ota/commands$", _handler(updates.post_command)),
        post_route(r"^/-/ota/commands/(?P<id>\d{1,9})/cancel$", _handler(updates.post_command_cancel)),
        post_route(r"^/api/ota$", _handler(updates.post_api_ota)),
    ]


def _handler(deed):
    """Datasette looks at a handler's parameter names."""

    async def handle(datasette, request):
        return await deed(datasette, request)

    return handle


async def page(datasette, request):
    return await ota_page.ota(datasette, request)
