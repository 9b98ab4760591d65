"""POST /-/ota/commands: commands to bootloaders of nodes, as rows of `ota_commands`."""

import sqlite3
import time

from ingest.db.time import format_utc
from ingest.orders.ota_nodes import TargetNode, find_target, unreachable_reason, waiting_command
from ingest.orders.ota_updates import OPEN_STATES
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import NODE_HELP, find_row
from ota.command import command_refusal
from ota.update import CANCELLED
from ota.wire import BOOTLOADER_COMMANDS, BootloaderCommand, CommandError, format_command
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields

MAX_VALUE = 254  # a node id
CONSEQUENCES = {
    "erase_eeprom": "The node loses its id, its parent, its keys and what firmware it runs.",
    "set_node_id": "The node goes on under another id, as a new node.",
    "set_parent": "The node prefers another parent on the radio.",
}


def _command(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """`node`, `command`, `value`, `confirm=1`: the row. Raises RefusedError."""
    fields = form.fields
    node, command = find_target(connection, fields.required("node", NODE_HELP)), fields.text("command")
    if command not in BOOTLOADER_COMMANDS:
        raise RefusedError(400, f"command is needed: one of {', '.join(BOOTLOADER_COMMANDS)}")
    subject = f"{command} for {node.label}"
    value = _read_value(fields, BOOTLOADER_COMMANDS[command], subject)
    reason = unreachable_reason(form.site.config.gateways, node) or command_refusal(node.bootloader)
    if reason:
        raise RefusedError(409, reason, subject=subject)
    if command == "set_node_id":
        _refuse_taken(connection, node, value, subject)
    _refuse_busy(connection, node, subject)
    if not fields.is_yes("confirm"):
        raise RefusedError(
            409, f"{CONSEQUENCES[command]} Send confirm=1 (tick the box) to confirm", subject=subject
        )
    number = connection.execute(
        "insert into ota_commands (node, command, value, requested_at, requested_by) values (?, ?, ?, ?, ?)",
        (node.id, command, value, format_utc(time.time()), form.actor),
    ).lastrowid
    return Done(f"Queued: {subject}", subject, {"id": number, "state": "queued"})


def _read_value(fields: Fields, command: BootloaderCommand, subject: str) -> int:
    needs_none = command is BootloaderCommand.ERASE_EEPROM and not fields.text("value")
    value = 0 if needs_none else fields.number("value", MAX_VALUE)
    try:
        format_command(command, value)
    except CommandError as error:
        raise RefusedError(400, f"value: {error}", subject=subject) from None
    return value


def _refuse_taken(connection: sqlite3.Connection, node: TargetNode, value: int, subject: str) -> None:
    """Two nodes under one id could not be told from each other."""
    taken = connection.execute(
        "select name from nodes where id = ? and id <> ? and last_seen_at is not null",
        (node.id // 256 * 256 + value, node.id),
    ).fetchone()
    if taken:
        raise RefusedError(409, f"id {value} is in use: {taken['name']} was heard under it", subject=subject)


def _refuse_busy(connection: sqlite3.Connection, node: TargetNode, subject: str) -> None:
    busy = connection.execute(
        f"select id from ota_updates where node = ? and (state in ({OPEN_STATES}) or owed = 1)", (node.id,)
    ).fetchone()
    if busy:
        raise RefusedError(
            409, f"Update {busy['id']} of this node is under way or unfinished", subject=subject
        )
    if waiting_command(connection, node) is not None:
        raise RefusedError(409, "Another command is under way for this node", subject=subject)


def _cancel(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    number, subject = form.id, f"command {form.id}"
    sql = "select state from ota_commands where id = ?"
    row = find_row(connection, sql, (number,), f"There is no command {number}")
    if row["state"] not in ("queued", "rebooting"):
        raise RefusedError(409, f"Command {number} is {row['state']} already", subject=subject)
    connection.execute(
        "update ota_commands set state = 'cancelling', reason = ? where id = ?", (form.actor, number)
    )
    return Done(f"Cancelled: {subject}", subject, {"id": number, "state": CANCELLED})


TOPICS = ("ota_commands",)
COMMAND = Action(
    "bootloader_command",
    "upload",
    _command,
    status=201,
    after="/-/ota",
    topics=TOPICS,
    asks=lambda fields: "Send the command to the bootloader?",
)
CANCEL = Action("cancel_command", "upload", _cancel, after="/-/ota", topics=TOPICS)

ROUTES = (
    documented_route(
        r"^/-/ota/commands$",
        COMMAND.post,
        Endpoint(
            "Send a command to a node's bootloader",
            "The node is followed until it is heard again; see the table ota_commands for what came of it.",
            "POST",
            "upload",
            {
                "node": NODE_HELP.removeprefix("an "),
                "command": ", ".join(BOOTLOADER_COMMANDS),
                "value": "node id, for set_node_id and set_parent",
                "confirm": "1: confirmed",
            },
            {"node": "{node}", "command": "set_parent", "value": "0", "confirm": "1"},
        ),
    ),
    documented_route(
        r"^/-/ota/commands/(?P<id>\d{1,9})/cancel$",
        CANCEL.post,
        Endpoint(
            "Cancel a command that was not sent yet",
            "ID is of the table ota_commands.",
            "POST",
            "upload",
            at={"ID": "1"},
        ),
    ),
)
