"""POST /-/ota/updates and what is done to updates: rows that the reader of the node's gateway carries out."""

import sqlite3
import time
from functools import partial
from typing import NamedTuple

from ingest.db.time import format_utc
from ota.update import CONFIRMED, OPEN
from plugins.web.actions.action import Action, Done, Submission
from plugins.web.actions.firmware import (
    MAX_NUMBER,
    MAX_UPLOAD,
    OPEN_STATES,
    UploadRequest,
    find_firmware,
    read_upload,
    store_firmware,
)
from plugins.web.actions.ota_nodes import (
    TargetFirmware,
    TargetNode,
    choose_nodes,
    find_target,
    read_version,
    update_refusal,
)
from plugins.web.actions.subjects import find_row
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields, RefusedError
from plugins.web.query import Row
from plugins.web.site import Site

MAX_NODE_ID = 254


class Rollout(NamedTuple):
    """An update of one node or several to one firmware. `confirmed`: a node of another type is meant."""

    nodes: list[TargetNode]
    firmware: TargetFirmware
    confirmed: bool
    actor: str

    @property
    def subject(self) -> str:
        """As in `Greenhouse (main/12) to 10/4`."""
        names = ", ".join(node.label for node in self.nodes[:3])
        more = f" and {len(self.nodes) - 3} more" if len(self.nodes) > 3 else ""
        return f"{names}{more} to {self.firmware.label}"


def schedule(connection: sqlite3.Connection, site: Site, rollout: Rollout) -> Done:
    """Insert a row for each node; several are a rollout. Raises RefusedError with every reason there is."""
    firmware, several = rollout.firmware, len(rollout.nodes) > 1
    if several:
        rollout = rollout._replace(nodes=[node for node in rollout.nodes if not node.runs(firmware)])
        if not rollout.nodes:
            raise RefusedError(
                409,
                f"All of these nodes run {firmware.label} already",
                subject=f"firmware {firmware.label}",
            )
    errors = [
        reason
        for node in rollout.nodes
        if (reason := update_refusal(connection, site, node, firmware, rollout.confirmed))
    ]
    if errors:
        raise RefusedError(409, *errors, subject=rollout.subject)
    ids, new_ids = _insert_updates(connection, rollout, released=not several)
    if several and new_ids:
        marks = ", ".join("?" * len(new_ids))
        connection.execute(
            "update ota_updates set rollout = ?, reason = 'waiting for its turn in the rollout' "
            f"where id in ({marks})",
            (new_ids[0], *new_ids),
        )
    data = {
        "id": ids[0],
        "ids": ids,
        "updates": [update_row(connection, number) for number in ids],
        "url": f"/telemetry/ota_updates/{ids[0]}.json",
    }
    if not new_ids:
        return Done(f"The update of {rollout.subject} is under way already", rollout.subject, data, 200)
    return Done(f"Scheduled: {rollout.subject}", rollout.subject, data)


def _insert_updates(
    connection: sqlite3.Connection, rollout: Rollout, released: bool
) -> tuple[list[int], list[int]]:
    """(ids of the updates of all nodes, those of them that are new)."""
    now, ids, new_ids = format_utc(time.time()), [], []
    for node in rollout.nodes:
        number = _replace_waiting(connection, node, rollout, now)
        if number is None:
            number = _insert(connection, node, rollout, now, now if released else None)
            new_ids.append(number)
        ids.append(number)
    return ids, new_ids


def _replace_waiting(
    connection: sqlite3.Connection, node: TargetNode, rollout: Rollout, now: str
) -> int | None:
    """End updates that wait in a rollout. The id of an open update to the same firmware, else None."""
    found = None
    for row in connection.execute(
        "select id, firmware, released_at, cancel_at from ota_updates "
        f"where node = ? and state in ({OPEN_STATES})",
        (node.id,),
    ).fetchall():
        if row["released_at"] is None:
            _end(connection, row["id"], f"replaced by {rollout.actor}", now)
        elif row["firmware"] == rollout.firmware.id and row["cancel_at"] is None:
            found = row["id"]
    return found


def _insert(
    connection: sqlite3.Connection, node: TargetNode, rollout: Rollout, now: str, released_at: str | None
) -> int:
    firmware = rollout.firmware
    cursor = connection.execute(
        """insert into ota_updates
        (node, firmware, type, version, blocks, requested_at, requested_by, released_at, reason)
        values (?, ?, ?, ?, ?, ?, ?, ?, 'waiting for the reader of the gateway') returning id""",
        (
            node.id,
            firmware.id,
            firmware.type,
            firmware.version,
            firmware.blocks,
            now,
            rollout.actor,
            released_at,
        ),
    )
    return int(cursor.fetchone()[0])


def _end(connection: sqlite3.Connection, number: int, reason: str, now: str) -> None:
    connection.execute(
        "update ota_updates set state = 'cancelled', reason = ?, finished_at = ? where id = ?",
        (reason, now, number),
    )


def update_row(connection: sqlite3.Connection, number: int) -> Row:
    """The row of `ota_updates`. Raises RefusedError."""
    sql = "select * from ota_updates where id = ?"
    return dict(find_row(connection, sql, (number,), f"There is no update {number}"))


def _stored(row: Row) -> TargetFirmware:
    return TargetFirmware(*(row[name] for name in TargetFirmware._fields))


def _find_firmware(connection: sqlite3.Connection, fields: Fields) -> TargetFirmware:
    if fields.text("firmware"):
        type, version = read_version(fields.text("firmware"), "firmware")
    else:
        type, version = fields.number("type", MAX_NUMBER), fields.number("version", MAX_NUMBER)
    row = find_firmware(connection, type, version)
    if row is None:
        rows = connection.execute("select name from firmware order by type, version limit 20").fetchall()
        names = ", ".join(row["name"] for row in rows)
        hint = f"; there are: {names}" if names else ": upload it first"
        raise RefusedError(404, f"No firmware {type}/{version} is stored{hint}")
    return _stored(row)


def _schedule(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    firmware = _find_firmware(connection, form.fields)
    nodes = choose_nodes(connection, form.fields)
    return schedule(
        connection, form.site, Rollout(nodes, firmware, form.fields.is_yes("confirm"), form.actor)
    )


def _cancel(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    number, actor = form.id, form.actor
    row, now = update_row(connection, number), format_utc(time.time())
    subject = f"update {number} of {find_target(connection, str(row['node'])).label}"
    if row["state"] not in OPEN:
        raise RefusedError(409, f"Update {number} is {row['state']} already", subject=subject)
    if row["released_at"] is None:
        _end(connection, number, f"cancelled by {actor}", now)
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
    return schedule(connection, form.site, Rollout([node], _stored(firmware), True, form.actor))


def _upload_and_schedule(connection: sqlite3.Connection, form: Submission[UploadRequest]) -> Done:
    fields = form.fields
    number, gateway = fields.number("node_id", MAX_NODE_ID), fields.text("gateway")
    if not gateway:
        row = connection.execute("select name from gateways order by configured desc, id limit 1").fetchone()
        gateway = row["name"] if row else ""
    node = find_target(connection, f"{gateway}/{number}")
    firmware, _ = store_firmware(connection, form.prepared, form.actor)
    return schedule(
        connection, form.site, Rollout([node], _stored(firmware), fields.is_yes("confirm"), form.actor)
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
