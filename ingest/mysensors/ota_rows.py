"""Rows of the tables of firmware updates as objects, and back."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from ingest.db.connection import Row, dict_rows
from ingest.db.time import format_utc, parse_utc
from ingest.mysensors.ota_records import NodeFirmware, StoredOtaState
from ota.command import CommandOrder
from ota.image import Image
from ota.rollout import WAITING, Member
from ota.server import StoredFirmware
from ota.update import OPEN, OtaUpdate
from ota.wire import BOOTLOADER_COMMANDS, ConfigRequest, FirmwareConfig

Columns = dict[str, str | int | float | None]

UPDATE_COLUMNS = [field.name for field in fields(OtaUpdate)]
MARKS = ", ".join(f"'{state}'" for state in OPEN)

SELECT_NODES = "select n.id, n.smart_sleep_ms, f.* from nodes n left join node_firmware f on f.node = n.id"
SELECT_OPEN_OR_UNFINISHED = f"select * from ota_updates where state in ({MARKS}) or owed = 1 order by id"
# Commands that were sent before they were followed have no `sent_at`: nothing more becomes of them.
SELECT_COMMANDS = """select * from ota_commands
where state in ('queued', 'rebooting', 'cancelling') or (state = 'sent' and sent_at is not null)
order by id"""
SELECT_FIRMWARE = """select f.id, f.type, f.version, f.size, i.data
from firmware f join firmware_images i on i.firmware = f.id """
SELECT_MEMBERS = """select u.id, u.node, u.state, u.released_at, u.reason, u.finished_at, n.last_seen_at
from ota_updates u join nodes n on n.id = u.node where u.rollout = ? order by u.id"""


def load_ota_state(connection: sqlite3.Connection, gateways: Mapping[int, bool]) -> StoredOtaState:
    """Read what the dialogue starts with.

    `gateways` maps the numbers of this program's gateways to whether they are only listened to.
    """
    updates = [
        read_update(row)
        for row in dict_rows(connection, SELECT_OPEN_OR_UNFINISHED)
        if row["released_at"] is not None and gateways.get(row["node"] >> 8) is False
    ]
    nodes = [
        NodeFirmware(row["id"], read_request(row), row["smart_sleep_ms"] is not None, row["attention"])
        for row in dict_rows(connection, SELECT_NODES)
        if row["id"] >> 8 in gateways
    ]
    commands = [
        read_command(row)
        for row in dict_rows(connection, SELECT_COMMANDS)
        if row["state"] != "cancelling" and gateways.get(row["node"] >> 8) is False
    ]
    return StoredOtaState(list(read_firmware(connection)), nodes, updates, commands)


def read_firmware(
    connection: sqlite3.Connection, where: str = "", values: Sequence[int] = ()
) -> Iterator[StoredFirmware]:
    """Read stored firmware; the CRC is computed here, not where nodes wait."""
    for number, type, version, size, data in connection.execute(SELECT_FIRMWARE + where, values).fetchall():
        image = Image(bytes(data), size)
        assert image.crc is not None
        yield StoredFirmware(number, type, version, image)


def read_request(row: Row) -> ConfigRequest | None:
    """Read the last configuration request from a row of `node_firmware`, if it has one."""
    if row["bootloader"] is None:
        return None
    config = FirmwareConfig(row["type"], row["version"], row["blocks"], row["crc"])
    return ConfigRequest(config, row["bootloader"], row["block_size"], row["committed"])


def read_command(row: Row) -> CommandOrder:
    """Read a row of `ota_commands`."""
    return CommandOrder(
        row["node"],
        BOOTLOADER_COMMANDS[row["command"]],
        row["value"],
        row["id"],
        row["state"],
        row["reason"],
        row["reboots"],
        parse_utc(row["sent_at"]) if row["sent_at"] else None,
        [int(text) for text in row["given_ids"].split(",") if text],
    )


def read_update(row: Row) -> OtaUpdate:
    """Read a row of `ota_updates`; columns that are no field are ignored."""
    values: Row = {
        name: parse_utc(row[name]) if name.endswith("_at") and row[name] is not None else row[name]
        for name in UPDATE_COLUMNS
    }
    return OtaUpdate(**values)


def update_columns(update: OtaUpdate) -> Columns:
    """Return column -> value for `ota_updates`: the reverse of `read_update`."""
    return {
        name: format_utc(value) if name.endswith("_at") and value is not None else value
        for name, value in vars(update).items()
    }


def read_members(connection: sqlite3.Connection, rollout: int) -> list[Member]:
    """Read the members of a rollout in the order in which they are to be updated."""
    return [
        Member(
            number,
            node,
            WAITING if released_at is None and state == "requested" else state,
            reason,
            parse_utc(finished_at) if finished_at else None,
            parse_utc(heard_at) if heard_at else None,
        )
        for number, node, state, released_at, reason, finished_at, heard_at in connection.execute(
            SELECT_MEMBERS, (rollout,)
        )
    ]
