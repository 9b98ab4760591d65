"""Firmware over the air: the page /-/ota, uploads, updates, commands to bootloaders."""

from datasette import hookimpl

from ota.wire import BOOTLOADER_COMMANDS
from plugins.web.actions import firmware as uploads
from plugins.web.actions import ota_updates as updates
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.pages import ota as ota_page
from plugins.web.site import site_of


@hookimpl
def register_routes(datasette):
    if not site_of(datasette).has_config:
        return []
    return [
        documented_route(r"^/-/ota$", page, Endpoint("Firmware over the air", answer="page")),
        documented_route(
            r"^/-/ota/firmware$",
            _handler(uploads.post_firmware),
            _deed(
                "Upload a firmware",
                "201; 200 where the same bytes are stored already; 409 where others are.",
                {
                    "type": "kind of firmware, 0 to 65535",
                    "version": "0 to 65535",
                    "file": "the .hex of the sketch",
                    "replace": "1: in place of other bytes",
                },
                {"type": "10", "version": "4", "file": "@build/sketch.hex"},
            ),
        ),
        documented_route(
            r"^/-/ota/firmware/(?P<id>\d{1,9})/delete$",
            _handler(uploads.post_delete),
            _deed("Delete a firmware that nobody needs", "ID is of the table firmware.", at={"ID": "1"}),
        ),
        documented_route(
            r"^/-/ota/updates$",
            _handler(updates.post_updates),
            _deed(
                "Schedule an update of one node or many",
                "Many are a rollout: one node goes first.",
                {
                    "node": "id of the table nodes, or GATEWAY/NODE_ID",
                    "nodes": "several, with commas",
                    "sketch": "all nodes with this sketch",
                    "current": "all nodes that run this type/version",
                    "type": "of the firmware",
                    "version": "of the firmware",
                    "firmware": "both in one: type/version",
                    "confirm": "1: the node may run another type",
                },
                {"node": "{node}", "type": "10", "version": "4", "confirm": "1"},
            ),
        ),
        documented_route(
            r"^/-/ota/updates/(?P<id>\d{1,9})/cancel$",
            _handler(updates.post_cancel),
            _deed(
                "Cancel an update",
                "ID is of the table ota_updates.",
                {"rollout": "1: all that wait in its rollout, too"},
                at={"ID": "1"},
            ),
        ),
        documented_route(
            r"^/-/ota/updates/(?P<id>\d{1,9})/retry$",
            _handler(updates.post_retry),
            _deed(
                "Schedule a failed or cancelled update anew",
                "ID is of the table ota_updates.",
                at={"ID": "1"},
            ),
        ),
        documented_route(
            r"^/-/ota/commands$",
            _handler(updates.post_command),
            _deed(
                "Give a node's bootloader a command",
                "It is given once; a bootloader does not report what it did with it.",
                {
                    "node": "id of the table nodes, or GATEWAY/NODE_ID",
                    "command": ", ".join(BOOTLOADER_COMMANDS),
                    "value": "node id, for set_node_id and set_parent",
                    "confirm": "1: it is meant",
                },
                {"node": "{node}", "command": "set_parent", "value": "0", "confirm": "1"},
            ),
        ),
        documented_route(
            r"^/-/ota/commands/(?P<id>\d{1,9})/cancel$",
            _handler(updates.post_command_cancel),
            _deed(
                "Take back a command that was not given yet",
                "ID is of the table ota_commands.",
                at={"ID": "1"},
            ),
        ),
        documented_route(
            r"^/api/ota$",
            _handler(updates.post_api_ota),
            _deed(
                "Upload and schedule in one call",
                "As MySensorsTracker had it.",
                {
                    "node_id": "MySensors node id",
                    "gateway": "name; the first one unless given",
                    "fw_type": "kind of firmware",
                    "fw_ver": "version",
                    "hex_file": "the .hex of the sketch",
                    "confirm": "1: the node may run another type",
                },
                {
                    "node_id": "{node_id}",
                    "gateway": "{gateway}",
                    "fw_type": "10",
                    "fw_ver": "4",
                    "hex_file": "@build/sketch.hex",
                },
            ),
        ),
    ]


def _deed(title, words, fields={}, example={}, at={}):
    return Endpoint(title, words, "POST", "upload", fields, example, at)


def _handler(deed):
    """Datasette looks at a handler's parameter names."""

    async def handle(datasette, request):
        return await deed(datasette, request)

    return handle


async def page(datasette, request):
    return await ota_page.ota(datasette, request)
