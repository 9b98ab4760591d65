"""POST /-/ota/updates and what is done to updates: rows that the reader of the node's gateway carries out."""

import sqlite3
import time
from functools import partial

from ingest.db.time import format_utc
from ingest.orders.ota_nodes import MAX_NUMBER, TargetFirmware, find_target, read_version
from ingest.orders.ota_updates import (
    Rollout,
    choose_firmware,
    end_update,
    find_firmware,
    schedule,
    stored,
    update_row,
)
from ingest.orders.outcome import Done, RefusedError
from ota.update import CONFIRMED, OPEN
from plugins.web.actions.action import Action, Submission
from plugins.web.actions.firmware import MAX_UPLOAD, UploadRequest, read_upload, store_firmware
from plugins.web.actions.ota_nodes import choose_nodes
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields

MAX_NODE_ID = 254


def _find_firmware(connection: sqlite3.Connection, fields: Fields) -> TargetFirmware:
    if fields.text("firmware"):
        type, version = read_version(fields.text("firmware"), "firmware")
    else:
        type, version = fields.number("type", MAX_NUMBER), fields.number("version", MAX_NUMBER)
    return choose_firmware(connection, type, version)


def _schedule(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    firmware = _find_firmware(connection, form.fields)
    nodes = choose_nodes(connection, form.fields)
    return schedule(
        connection,
        form.site.config.gateways,
        Rollout(nodes, firmware, form.fields.is_yes("confirm"), form.actor),
    )


def _cancel(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    number, actor = form.id, form.actor
    row, now = update_row(connection, number), format_utc(time.time())
    subject = f"update {number} of {find_target(connection, str(row['node'])).label}"
    if row["state"] not in OPEN:
        raise RefusedError(409, f"Update {number} is {row['state']} already", subject=subject)
    if row["released_at"] is None:
        end_update(connection, number, f"cancelled by {actor}", now)
    else:
        connection.execute(
            "update ota_updates set cancel_by = ?, cancel_at = ? where id = ? and cancel_at is null",
            (actor, now, number),
        )
    if form.fields.is_yes("rollout") and row["rollout"] is not None:
        connection.execute(
            """update ota_updates set state = 'cancelled', reason = ?, finished_at = ?
            where rollout = ? and released_at is null and state = 'requested'""",
            (f"cancelled by {actor}", now, row["rollout"]),
        )
    return Done(f"Cancelled: {subject}", subject, {"id": number, "update": update_row(connection, number)})


def _retry(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    number = form.id
    row = update_row(connection, number)
    if row["state"] in OPEN or row["state"] == CONFIRMED:
        raise RefusedError(
            409, f"Update {number} is {row['state']}: there is nothing to retry", subject=f"update {number}"
        )
    firmware = find_firmware(connection, row["type"], row["version"])
    if firmware is None:
        raise RefusedError(
            409, f"Firmware {row['type']}/{row['version']} is no longer stored: upload it again"
        )
    node = find_target(connection, str(row["node"]))
    return schedule(
        connection, form.site.config.gateways, Rollout([node], stored(firmware), True, form.actor)
    )


def _upload_and_schedule(connection: sqlite3.Connection, form: Submission[UploadRequest]) -> Done:
    fields = form.fields
    number, gateway = fields.number("node_id", MAX_NODE_ID), fields.text("gateway")
    if not gateway:
        row = connection.execute("select name from gateways order by configured desc, id limit 1").fetchone()
        gateway = row["name"] if row else ""
    node = find_target(connection, f"{gateway}/{number}")
    firmware, _ = store_firmware(connection, form.prepared, form.actor)
    return schedule(
        connection,
        form.site.config.gateways,
        Rollout([node], stored(firmware), fields.is_yes("confirm"), form.actor),
    )


TOPICS = ("ota_updates",)
SCHEDULE = Action(
    "schedule_update",
    "upload",
    _schedule,
    status=201,
    after="/-/ota",
    topics=TOPICS,
    asks=lambda fields: "Replace the sketch of what you have chosen?",
)
CANCEL = Action("cancel_update", "upload", _cancel, after="/-/ota", topics=TOPICS)
RETRY = Action("retry_update", "upload", _retry, status=201, after="/-/ota", topics=TOPICS)
UPLOAD_AND_SCHEDULE = Action(
    "api_ota",
    "upload",
    _upload_and_schedule,
    status=201,
    after="/-/ota",
    limit=MAX_UPLOAD,
    files=("hex_file",),
    topics=TOPICS,
    prepare=partial(read_upload, type="fw_type", version="fw_ver", file="hex_file"),
)

ROUTES = (
    documented_route(
        r"^/-/ota/updates$",
        SCHEDULE.post,
        Endpoint(
            "Schedule an update of one node or many",
            "Many are a rollout: one node goes first.",
            "POST",
            "upload",
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
        CANCEL.post,
        Endpoint(
            "Cancel an update",
            "ID is of the table ota_updates.",
            "POST",
            "upload",
            {"rollout": "1: all that wait in its rollout, too"},
            at={"ID": "1"},
        ),
    ),
    documented_route(
        r"^/-/ota/updates/(?P<id>\d{1,9})/retry$",
        RETRY.post,
        Endpoint(
            "Schedule a failed or cancelled update again",
            "ID is of the table ota_updates.",
            "POST",
            "upload",
            at={"ID": "1"},
        ),
    ),
    documented_route(
        r"^/api/ota$",
        UPLOAD_AND_SCHEDULE.post,
        Endpoint(
            "Upload and schedule in one call",
            "Compatible with MySensorsTracker.",
            "POST",
            "upload",
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
            statuses=(200, 201),
        ),
    ),
)
