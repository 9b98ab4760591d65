"""POST /-/ota/updates and what is done to updates: rows that the reader of the node's gateway takes up."""

import time

from ingest.db.time import format_utc
from ota.command import command_refusal
from ota.image import BLOCK_SIZES, image_refusal
from ota.update import CANCELLED, CONFIRMED, OPEN
from ota.wire import BOOTLOADER_COMMANDS, CommandError, format_command
from plugins.web.actions.action import Done, find_node, perform, raise_topic
from plugins.web.actions.firmware import LIMIT as UPLOAD_LIMIT
from plugins.web.actions.firmware import MARKS, find_firmware, is_yes, read_number, read_upload, store
from plugins.web.forms import RefusedError

BLANK = 65535  # type of a node that was flashed by cable
HOW = "give node, or nodes (a list with commas), or sketch, or current (type/version that nodes run)"
NODES = """select n.id, n.name, n.node_id, g.name as gateway, g.configured, n.sketch_name, n.last_seen_at,
  n.smart_sleep_ms, f.type, f.version, f.blocks, f.crc, f.bootloader, f.block_size
from nodes n join gateways g on g.id = n.gateway left join node_firmware f on f.node = n.id """


async def post_updates(datasette, request):
    """Nodes, `type` and `version` (or `firmware`, such as 33/4): 201 with the rows."""

    def deed(connection, fields, actor):
        check_texts(fields)
        type, version = read_pair(fields)
        firmware = find_firmware(connection, type, version)
        if firmware is None:
            raise RefusedError(404, f"No firmware {type}/{version} is stored{stored_ones(connection)}")
        return schedule(connection, datasette, choose_nodes(connection, fields), firmware, fields, actor)

    return await perform(datasette, request, "schedule_update", "upload", deed, status=201, after="/-/ota")


async def post_api_ota(datasette, request):
    """The tracker's call: `node_id` (of `gateway`, else of the first), `fw_type`, `fw_ver`, `hex_file`."""
    sent = []

    async def prepare(fields):
        sent.append(await read_upload(fields, "fw_type", "fw_ver", "hex_file"))

    def deed(connection, fields, actor):
        number = read_number(fields, "node_id", 254)
        gateway = fields.get("gateway", "")
        if not gateway:
            row = connection.execute(
                "select name from gateways order by configured desc, id limit 1"
            ).fetchone()
            gateway = row["name"] if row else ""
        nodes = [find(connection, f"{gateway}/{number}")]
        firmware, _ = store(connection, sent[0], actor)
        return schedule(connection, datasette, nodes, firmware, fields, actor)

    return await perform(
        datasette,
        request,
        "api_ota",
        "upload",
        deed,
        status=201,
        limit=UPLOAD_LIMIT,
        after="/-/ota",
        prepare=prepare,
    )


def check_texts(fields):
    wrong = [name for name, value in fields.items() if not isinstance(value, str)]
    if wrong:
        raise RefusedError(400, f"{wrong[0]} is a text, not a file")


def read_pair(fields):
    """(type, version) from `firmware`, or from the fields of these names. Raises RefusedError."""
    if fields.get("firmware"):
        type, slash, version = fields["firmware"].partition("/")
        if not slash:
            raise RefusedError(400, "firmware is needed as type/version, such as 33/4")
        fields = {"type": type, "version": version}
    return read_number(fields, "type"), read_number(fields, "version")


def stored_ones(connection):
    rows = connection.execute("select name from firmware order by type, version limit 20").fetchall()
    return "; there are: " + ", ".join(row["name"] for row in rows) if rows else ": upload it first"


def find(connection, text):
    """The row of NODES for a node as people name it. Raises RefusedError."""
    return connection.execute(NODES + "where n.id = ?", (find_node(connection, text)["id"],)).fetchone()


def choose_nodes(connection, fields):
    """The nodes that a form names, one way or the other. Raises RefusedError."""
    named = [word for name in ("node", "nodes") for word in fields.get(name, "").replace(",", " ").split()]
    named += [
        name.removeprefix("node:") for name, value in fields.items() if name.startswith("node:") and value
    ]
    sketch, current = fields.get("sketch", "").strip(), fields.get("current", "").strip()
    if bool(named) + bool(sketch) + bool(current) != 1:
        raise RefusedError(400, f"Which nodes? {HOW}")
    if named:
        return list({row["id"]: row for row in (find(connection, word) for word in named)}.values())
    order = " and g.configured and n.node_id > 0 order by n.smart_sleep_ms is not null, n.last_seen_at desc"
    if sketch:
        rows = connection.execute(f"{NODES}where n.sketch_name = ?{order}", (sketch,)).fetchall()
        where = f"runs a sketch named {sketch}"
    else:
        pair = read_pair({"firmware": current})
        rows = connection.execute(f"{NODES}where f.type = ? and f.version = ?{order}", pair).fetchall()
        where = f"has reported that it runs {pair[0]}/{pair[1]}"
    if not rows:
        raise RefusedError(404, f"No node {where}")
    return rows


def schedule(connection, datasette, nodes, firmware, fields, actor):
    """Insert a row for each node. Several nodes are a rollout. Raises RefusedError with every reason there is."""
    confirmed = is_yes(fields, "confirm")
    label = f"{firmware['type']}/{firmware['version']}"
    several = len(nodes) > 1
    if several:
        nodes = [node for node in nodes if not runs(node, firmware)]
        if not nodes:
            raise RefusedError(409, f"All of these nodes run {label} already", subject=f"firmware {label}")
    errors = [words for node in nodes if (words := why_not(connection, datasette, node, firmware, confirmed))]
    if errors:
        raise RefusedError(409, *errors, subject=subject_of(nodes, label))
    now, ids, fresh = format_utc(time.time()), [], []
    for node in nodes:
        same = close_others(connection, node, firmware, actor, now)
        number = same or insert(connection, node, firmware, actor, now, None if several else now)
        ids.append(number)
        if not same:
            fresh.append(number)
    if several and fresh:
        marks = ", ".join("?" * len(fresh))
        connection.execute(
            f"update ota_updates set rollout = ?, reason = 'waiting for its turn in the rollout' where id in ({marks})",
            (fresh[0], *fresh),
        )
    raise_topic(connection, "ota_updates")
    rows = [update_row(connection, number) for number in ids]
    data = {"id": ids[0], "ids": ids, "updates": rows, "url": f"/telemetry/ota_updates/{ids[0]}.json"}
    subject = subject_of(nodes, label)
    if not fresh:
        return Done(f"The update of {subject} is under way already", subject, data, 200)
    return Done(f"Scheduled: {subject}", subject, data)


def subject_of(nodes, label):
    names = ", ".join(name_of(node) for node in nodes[:3]) + (
        f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    )
    return f"{names} to {label}"


def name_of(node):
    return f"{node['name']} ({node['gateway']}/{node['node_id']})"


def runs(node, firmware):
    """True when the node has reported this very image."""
    size = node["block_size"] or 16
    named = (node["type"], node["version"]) == (firmware["type"], firmware["version"])
    return (
        named and (node["blocks"] or 0) * size == firmware["blocks"] * 16 and node["crc"] == firmware["crc"]
    )


def why_not(connection, datasette, node, firmware, confirmed):
    """Why this node cannot be updated to this firmware, in words, or None."""
    name = name_of(node)
    words = why_unreachable(datasette, node)
    if words:
        return words
    block_size = node["block_size"] if node["block_size"] in BLOCK_SIZES else None
    words = image_refusal(firmware["blocks"], node["bootloader"], block_size)
    if words:
        return f"{name}: {words}"
    other = node["type"] not in (None, BLANK, firmware["type"])
    if other and not confirmed:
        return (
            f"{name} runs type {node['type']}, the image is of type {firmware['type']}: "
            "send confirm=1 (tick the box) if that is meant"
        )
    command = connection.execute(
        "select id from ota_commands where node = ? and state in ('queued', 'rebooting')", (node["id"],)
    ).fetchone()
    return f"{name}: bootloader command {command['id']} waits for it, cancel that first" if command else None


def why_unreachable(datasette, node):
    """Why no firmware reaches this node, whatever it is, or None."""
    if node["node_id"] == 0:
        return f"{name_of(node)} is the gateway itself, which takes no firmware over the air"
    config = next((one for one in datasette.config.gateways if one.name == node["gateway"]), None)
    if config is None or not node["configured"]:
        return f"{name_of(node)}: its gateway {node['gateway']} is not in the config"
    if not config.controller:
        return f"{name_of(node)}: gateway {node['gateway']} is listened to only (controller: false)"
    return None


def close_others(connection, node, firmware, actor, now):
    """The id of an open update to the same firmware, else None; one that waits in a rollout is replaced at once."""
    found = None
    for row in connection.execute(
        f"select id, firmware, released_at, cancel_at from ota_updates where node = ? and state in ({MARKS})",
        (node["id"],),
    ).fetchall():
        if row["released_at"] is None:
            end(connection, row["id"], f"replaced by {actor}", now)
        elif row["firmware"] == firmware["id"] and row["cancel_at"] is None:
            found = row["id"]
    return found


def insert(connection, node, firmware, actor, now, released_at):
    return connection.execute(
        """insert into ota_updates (node, firmware, type, version, blocks, requested_at, requested_by, released_at, reason)
        values (?, ?, ?, ?, ?, ?, ?, ?, 'waiting for the reader of the gateway')""",
        (
            node["id"],
            firmware["id"],
            firmware["type"],
            firmware["version"],
            firmware["blocks"],
            now,
            actor,
            released_at,
        ),
    ).lastrowid


def end(connection, number, reason, now):
    connection.execute(
        "update ota_updates set state = 'cancelled', reason = ?, finished_at = ? where id = ?",
        (reason, now, number),
    )


def update_row(connection, number):
    """The row as a dict. Raises RefusedError."""
    row = connection.execute("select * from ota_updates where id = ?", (number,)).fetchone()
    if row is None:
        raise RefusedError(404, f"There is no update {number}")
    return dict(row)


async def post_cancel(datasette, request):
    """Cancel an open update; with `rollout=1` all that wait in its rollout too."""
    number = int(request.url_vars["id"])

    def deed(connection, fields, actor):
        check_texts(fields)
        row, now = update_row(connection, number), format_utc(time.time())
        node = find(connection, row["node"])
        subject = f"update {number} of {name_of(node)}"
        if row["state"] not in OPEN:
            raise RefusedError(409, f"Update {number} is {row['state']} already", subject=subject)
        if row["released_at"] is None:
            end(connection, number, f"cancelled by {actor}", now)
        else:
            connection.execute(
                "update ota_updates set cancel_by = ?, cancel_at = ? where id = ? and cancel_at is null",
                (actor, now, number),
            )
        if is_yes(fields, "rollout") and row["rollout"] is not None:
            connection.execute(
                """update ota_updates set state = 'cancelled', reason = ?, finished_at = ?
                where rollout = ? and released_at is null and state = 'requested'""",
                (f"cancelled by {actor}", now, row["rollout"]),
            )
        raise_topic(connection, "ota_updates")
        return Done(
            f"Cancelled: {subject}", subject, {"id": number, "update": update_row(connection, number)}
        )

    return await perform(datasette, request, "cancel_update", "upload", deed, after="/-/ota")


async def post_retry(datasette, request):
    """Schedule a failed or cancelled update anew: 201 with the new row."""
    number = int(request.url_vars["id"])

    def deed(connection, fields, actor):
        check_texts(fields)
        row = update_row(connection, number)
        if row["state"] in OPEN or row["state"] == CONFIRMED:
            raise RefusedError(
                409,
                f"Update {number} is {row['state']}: there is nothing to retry",
                subject=f"update {number}",
            )
        firmware = find_firmware(connection, row["type"], row["version"])
        if firmware is None:
            raise RefusedError(
                409, f"Firmware {row['type']}/{row['version']} is no longer stored: upload it again"
            )
        node = find(connection, row["node"])
        return schedule(connection, datasette, [node], firmware, {"confirm": "1"}, actor)

    return await perform(datasette, request, "retry_update", "upload", deed, status=201, after="/-/ota")


async def post_command(datasette, request):
    """A command for a node's bootloader, given once: `node`, `command`, `value`, `confirm=1`. 201 with the row."""

    def deed(connection, fields, actor):
        check_texts(fields)
        if not fields.get("node"):
            raise RefusedError(400, "node is needed: an id of the table nodes, or GATEWAY/NODE_ID")
        node, command = find(connection, fields["node"]), fields.get("command", "")
        subject = f"{command} for {name_of(node)}"
        if command not in BOOTLOADER_COMMANDS:
            raise RefusedError(400, f"command is needed: one of {', '.join(BOOTLOADER_COMMANDS)}")
        kind = BOOTLOADER_COMMANDS[command]
        value = read_number(fields, "value", 254, None if kind > 1 else 0)
        try:
            format_command(kind, value)
        except CommandError as error:
            raise RefusedError(400, f"value: {error}", subject=subject) from None
        why = why_unreachable(datasette, node) or command_refusal(node["bootloader"])
        if why:
            raise RefusedError(409, why, subject=subject)
        busy = connection.execute(
            f"select id from ota_updates where node = ? and (state in ({MARKS}) or owed = 1)", (node["id"],)
        ).fetchone()
        if busy:
            raise RefusedError(
                409, f"Update {busy['id']} of this node is under way or unfinished", subject=subject
            )
        if connection.execute(
            "select 1 from ota_commands where node = ? and state in ('queued', 'rebooting')", (node["id"],)
        ).fetchone():
            raise RefusedError(409, "Another command waits for this node", subject=subject)
        if not is_yes(fields, "confirm"):
            raise RefusedError(
                409,
                f"{CONSEQUENCES[command]} Send confirm=1 (tick the box) if that is meant",
                subject=subject,
            )
        number = connection.execute(
            "insert into ota_commands (node, command, value, requested_at, requested_by) values (?, ?, ?, ?, ?)",
            (node["id"], command, value, format_utc(time.time()), actor),
        ).lastrowid
        raise_topic(connection, "ota_commands")
        return Done(f"Queued: {subject}", subject, {"id": number, "state": "queued"})

    return await perform(datasette, request, "bootloader_command", "upload", deed, status=201, after="/-/ota")


CONSEQUENCES = {
    "erase_eeprom": "The node loses its id, its parent, its keys and what firmware it runs.",
    "set_node_id": "The node goes on under another id, as a new node.",
    "set_parent": "The node prefers another parent on the radio.",
}


async def post_command_cancel(datasette, request):
    """Take back a command that was not given yet."""
    number = int(request.url_vars["id"])

    def deed(connection, fields, actor):
        row = connection.execute("select * from ota_commands where id = ?", (number,)).fetchone()
        if row is None:
            raise RefusedError(404, f"There is no command {number}")
        if row["state"] not in ("queued", "rebooting"):
            raise RefusedError(
                409, f"Command {number} is {row['state']} already", subject=f"command {number}"
            )
        connection.execute(
            "update ota_commands set state = 'cancelling', reason = ? where id = ?", (actor, number)
        )
        raise_topic(connection, "ota_commands")
        return Done(f"Cancelled: command {number}", f"command {number}", {"id": number, "state": CANCELLED})

    return await perform(datasette, request, "cancel_command", "upload", deed, after="/-/ota")
