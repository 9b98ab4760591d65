"""OTA updates as rows of `ota_updates`, which the reader of the node's gateway carries out."""

import sqlite3
import time
from collections.abc import Sequence
from typing import NamedTuple

from ingest.db.connection import Row
from ingest.db.time import format_utc
from ingest.mysensors.settings import GatewayOptions
from ingest.orders.ota_nodes import TargetFirmware, TargetNode, update_refusal
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import find_row
from ota.update import OPEN

OPEN_STATES = ", ".join(f"'{state}'" for state in OPEN)
SHOWN = "id, type, version, blocks, crc, sha256, filename, size, uploaded_at, uploaded_by"


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


def schedule(connection: sqlite3.Connection, gateways: Sequence[GatewayOptions], rollout: Rollout) -> Done:
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
        if (reason := update_refusal(connection, gateways, node, firmware, rollout.confirmed))
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
            end_update(connection, row["id"], f"replaced by {rollout.actor}", now)
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


def end_update(connection: sqlite3.Connection, number: int, reason: str, now: str) -> None:
    """Cancel an update that waits in a rollout, at `now` (UTC text)."""
    connection.execute(
        "update ota_updates set state = 'cancelled', reason = ?, finished_at = ? where id = ?",
        (reason, now, number),
    )


def update_row(connection: sqlite3.Connection, number: int) -> Row:
    """The row of `ota_updates`. Raises RefusedError."""
    sql = "select * from ota_updates where id = ?"
    return dict(find_row(connection, sql, (number,), f"There is no update {number}"))


def find_firmware(connection: sqlite3.Connection, type: int, version: int) -> Row | None:
    """The stored row, or None."""
    row = connection.execute(
        f"select {SHOWN} from firmware where type = ? and version = ?", (type, version)
    ).fetchone()
    return dict(row) if row is not None else None


def choose_firmware(connection: sqlite3.Connection, type: int, version: int) -> TargetFirmware:
    """The stored firmware of this type and version. Raises RefusedError, which names those that there are."""
    row = find_firmware(connection, type, version)
    if row is None:
        rows = connection.execute("select name from firmware order by type, version limit 20").fetchall()
        names = ", ".join(row["name"] for row in rows)
        hint = f"; there are: {names}" if names else ": upload it first"
        raise RefusedError(404, f"No firmware {type}/{version} is stored{hint}")
    return stored(row)


def stored(row: Row) -> TargetFirmware:
    """The row of a stored firmware."""
    return TargetFirmware(*(row[name] for name in TargetFirmware._fields))
