"""Firmware over the air: the page /-/ota, uploads, updates, commands to bootloaders."""

from collections.abc import Sequence

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.actions import bootloader_commands, firmware, ota_updates
from plugins.web.endpoint import Endpoint, Route, documented_route
from plugins.web.pages.ota import ota
from plugins.web.site import site_of

ROUTES = (
    documented_route(r"^/-/ota$", ota, Endpoint("Firmware over the air", answer="page")),
    *firmware.ROUTES,
    *ota_updates.ROUTES,
    *bootloader_commands.ROUTES,
)


@hookimpl
def register_routes(datasette: Datasette) -> Sequence[Route]:
    """The page and its actions, which need rights."""
    return ROUTES if site_of(datasette).has_config else ()
