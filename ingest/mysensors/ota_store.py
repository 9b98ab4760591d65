"""The tables of firmware updates between the site and the gateways' dialogue: a sink, and what it loads at the start.

The site inserts rows of `ota_updates` and `ota_commands`; this sink hands them over, writes what becomes of them, moves
rollouts on, and tells of the end of each update in `events`.
"""

import json
import time
from typing import NamedTuple

from ingest.db.time import format_utc, parse_utc
from ota.command import CommandOrder
from ota.image import Image
from ota.rollout import WAITING, Member, next_steps
from ota.update import CONFIRMED, FAILED, OPEN, OtaUpdate
from ota.wire import BOOTLOADER_COMMANDS, ConfigRequest, FirmwareConfig

EVENTS = {CONFIRMED: "OTA_CONFIRMED", FAILED: "OTA_FAILED"}
MARKS = ", ".join(f"'{state}'" for state in OPEN)
LISTEN_ONLY = "this gateway is listened to only (controller: false): its own controller updates its nodes"
ROLLING = "select distinct rollout from ota_updates where rollout is not null and released_at is null and state = 'requested'"
MEMBERS = """select u.id, u.node, u.state, u.released_at, u.reason, u.finished_at, n.last_seen_at
from ota_updates u join nodes n on n.id = u.node where u.rollout = ? order by u.id"""
REPORT = """insert into node_firmware (node, type, version, blocks, crc, bootloader, block_size, committed, reported_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (node) do update set type = excluded.type, version = excluded.version,
blocks = excluded.blocks, crc = excluded.crc, bootloader = excluded.bootloader, block_size = excluded.block_size,
committed = excluded.committed, reported_at = excluded.reported_at"""
ATTEND = """insert into node_firmware (node, attention, attention_at) values (?, ?, ?)
on conflict (node) do update set attention = excluded.attention, attention_at = excluded.attention_at"""


class UpdateRow(NamedTuple):
    """The columns of an OtaUpdate as they are now."""

    update: OtaUpdate
    columns: dict


class RefusedUpdate(NamedTuple):
    """An update that the dialogue never took on: how it ends, and why."""

    id: int
    state: str
    reason: str


class FirmwareReport(NamedTuple):
    """A node reported this configuration."""

    node: int
    request: ConfigRequest


class NodeAttention(NamedTuple):
    """What people should know of a node's firmware; empty: nothing any more."""

    node: int
    text: str


class UnreadablePayload(NamedTuple):
    """A stream payload that could not be read."""

    source: str
    line: str
    reason: str


class CommandState(NamedTuple):
    """What became of a bootloader command."""

    id: int
    state: str
    reason: str
    reboots: int
    was: str | None = None  # only where the row is in this state

    @classmethod
    def of(cls, order):
        return cls(order.id, order.state, order.reason, order.reboots)


class StoredOtaState(NamedTuple):
    """What the file knows at the start."""

    firmware: list  # (id, type, version, Image)
    nodes: list  # (nodes.id, ConfigRequest or None, sleeping, attention)
    updates: list  # OtaUpdate, open or owed, oldest first
    commands: list  # CommandOrder


def load(connection, gateways):
    """Read it; `gateways` maps the numbers of this program's gateways to whether they are only listened to."""
    rows = dict_rows(
        connection, f"select * from ota_updates where state in ({MARKS}) or owed = 1 order by id"
    )
    taken = [
        row for row in rows if row["released_at"] is not None and gateways.get(row["node"] >> 8) is False
    ]
    nodes = [
        (row["id"], read_request(row), row["smart_sleep_ms"] is not None, row["attention"])
        for row in dict_rows(
            connection,
            "select n.id, n.smart_sleep_ms, f.* from nodes n left join node_firmware f on f.node = n.id",
        )
        if row["id"] >> 8 in gateways
    ]
    commands = [
        row
        for row in dict_rows(
            connection, "select * from ota_commands where state in ('queued', 'rebooting') order by id"
        )
        if gateways.get(row["node"] >> 8) is False
    ]
    return StoredOtaState(
        list(read_firmware(connection)),
        nodes,
        [OtaUpdate.from_row(row) for row in taken],
        list(map(read_command, commands)),
    )


def read_firmware(connection, where="", values=()):
    """(id, type, version, Image) of stored firmware; the CRC is computed here, not where nodes wait."""
    sql = "select f.id, f.type, f.version, f.size, i.data from firmware f join firmware_images i on i.firmware = f.id "
    for number, type, version, size, data in connection.execute(sql + where, values).fetchall():
        image = Image(bytes(data), size)
        assert image.crc is not None
        yield number, type, version, image


def read_request(row):
    """The last configuration request in a row of node_firmware, or None."""
    if row["bootloader"] is None:
        return None
    config = FirmwareConfig(row["type"], row["version"], row["blocks"], row["crc"])
    return ConfigRequest(config, row["bootloader"], row["block_size"], row["committed"])


def read_command(row):
    order = CommandOrder(
        row["node"], BOOTLOADER_COMMANDS[row["command"]], row["value"], row["id"], row["state"], row["reason"]
    )
    order.reboots = row["reboots"]
    return order


def dict_rows(connection, sql, values=()):
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


class OtaSink:
    """Sink for the tuples above; gives news to the dialogue through `deliver(news)`.

    `gateways` maps the numbers of this program's gateways to whether they are only listened to.
    """

    def __init__(self, gateways, rollout, kept, deliver):
        self._gateways, self._rollout, self._deliver = gateways, rollout, deliver
        self._stored = {number: image.sha256 for number, _, _, image in kept.firmware}
        self._known = {update.id for update in kept.updates}  # ota_updates.id
        self._cancelled = set()
        self._commands = {order.id for order in kept.commands}
        self._command_cancels = set()
        self._rolling = True
        self._look_again = True
        self._rows = {}  # id() of the OtaUpdate -> UpdateRow, the last one of each
        self._numbers = {}  # id() of an OtaUpdate that is new -> its row id, until the commit stands
        self._pending = []  # (statement, values, topic)

    # Items of the dialogue.

    def absorb(self, item):
        at = format_utc(time.time())
        if isinstance(item, UpdateRow):
            self._rows[id(item.update)] = item
        elif isinstance(item, FirmwareReport):
            config, request = item.request.config, item.request
            values = (item.node, *config, request.bootloader, request.block_size, request.committed, at)
            self._pend(REPORT, values, "node_firmware")
        elif isinstance(item, NodeAttention):
            self._pend(ATTEND, (item.node, item.text, at if item.text else None), "node_firmware")
        elif isinstance(item, RefusedUpdate):
            self._end(item.id, item.state, item.reason)
        elif isinstance(item, CommandState):
            sql = "update ota_commands set state = ?, reason = ?, reboots = ?, changed_at = ? "
            where = "where id = ? and state = coalesce(?, state)"
            values = (item.state, item.reason, item.reboots, at, item.id, item.was)
            self._pend(sql + where, values, "ota_commands")
        elif isinstance(item, UnreadablePayload):
            sql = "insert into rejects (received_at, source, raw, reason) values (?, ?, ?, ?)"
            self._pend(sql, (at, item.source, item.line, item.reason), "rejects")

    def _pend(self, statement, values, topic):
        self._pending.append((statement, values, topic))

    def _end(self, number, state, reason):
        sql = f"update ota_updates set state = ?, reason = ?, finished_at = ? where id = ? and state in ({MARKS})"
        self._pend(sql, (state, reason, format_utc(time.time()), number), "ota_updates")

    # What other programs wrote.

    def poll(self, connection, changed):
        if changed or self._look_again:
            self._look_again = False
            self._rolling = True
            news = [
                *self._news_of_firmware(connection),
                *self._news_of_updates(connection),
                *self._news_of_commands(connection),
            ]
            if news:
                self._deliver(news)
        if self._rolling:
            self._roll(connection)
        return bool(self._pending)

    def _news_of_firmware(self, connection):
        stored = dict(connection.execute("select id, sha256 from firmware").fetchall())
        for number, sha256 in stored.items():
            if self._stored.get(number) != sha256:
                yield from (
                    ("firmware", *found) for found in read_firmware(connection, "where f.id = ?", (number,))
                )
        for number in self._stored.keys() - stored.keys():
            yield "dropped", number
        self._stored = stored

    def _news_of_updates(self, connection):
        sql = f"select * from ota_updates where state in ({MARKS}) and released_at is not null order by id"
        for row in dict_rows(connection, sql):
            number, gateway = row["id"], row["node"] >> 8
            if gateway not in self._gateways:
                continue
            if number not in self._known:
                self._known.add(number)
                if self._gateways[gateway]:
                    self._end(number, FAILED, LISTEN_ONLY)
                    continue
                yield "update", OtaUpdate.from_row(row)
            if row["cancel_at"] is not None and number not in self._cancelled:
                self._cancelled.add(number)
                yield "cancel", number, row["node"], row["cancel_by"] or "somebody"

    def _news_of_commands(self, connection):
        sql = "select * from ota_commands where state in ('queued', 'rebooting', 'cancelling') order by id"
        for row in dict_rows(connection, sql):
            if row["node"] >> 8 not in self._gateways:
                continue
            if row["state"] == "cancelling":
                if row["id"] not in self._command_cancels:
                    self._command_cancels.add(row["id"])
                    yield "command_cancel", row["id"], row["node"], row["reason"] or "somebody"
            elif row["id"] not in self._commands:
                self._commands.add(row["id"])
                if self._gateways[row["node"] >> 8]:
                    self.absorb(CommandState(row["id"], "failed", LISTEN_ONLY, 0))
                else:
                    yield "command", read_command(row)

    def _roll(self, connection):
        """Release the next members of each rollout, or end it."""
        rollouts = [row[0] for row in connection.execute(ROLLING).fetchall()]
        self._rolling = bool(rollouts)
        for rollout in rollouts:
            members = [
                Member(
                    number,
                    node,
                    WAITING if released_at is None and state == "requested" else state,
                    reason,
                    finished_at and parse_utc(finished_at),
                    heard_at and parse_utc(heard_at),
                )
                for number, node, state, released_at, reason, finished_at, heard_at in connection.execute(
                    MEMBERS, (rollout,)
                )
            ]
            plan = next_steps(members, self._rollout)
            waiting = [member for member in members if member.state == WAITING]
            if plan.stop:
                for member in waiting:
                    self._end(member.update, "cancelled", plan.stop)
            for number in plan.start:
                sql = (
                    "update ota_updates set released_at = ?, reason = '' where id = ? and released_at is null"
                )
                self._pend(sql, (format_utc(time.time()), number), "ota_updates")
                self._look_again = True
            words = f"the rollout waits for {plan.waits_for}"
            if plan.waits_for and any(member.reason != words for member in waiting):
                sql = "update ota_updates set reason = ? where rollout = ? and released_at is null and state = 'requested'"
                self._pend(sql, (words, rollout), "ota_updates")

    # Memory into the open transaction.

    def write(self, connection):
        topics = set()
        for statement, values, topic in self._pending:
            connection.execute(statement, values)
            topics.add(topic)
        self._numbers = {}
        for key, (update, columns) in self._rows.items():
            topics |= self._write_update(connection, key, update, columns)
        return topics

    def _write_update(self, connection, key, update, columns):
        columns = {name: value for name, value in columns.items() if name != "id"}
        before = None
        if update.id is None:
            columns["released_at"] = columns["requested_at"]
            names = ", ".join(columns)
            sql = f"insert into ota_updates ({names}) values ({', '.join('?' * len(columns))})"
            number = self._numbers[key] = connection.execute(sql, [*columns.values()]).lastrowid
        else:
            number = update.id
            before = connection.execute("select state from ota_updates where id = ?", (number,)).fetchone()
            names = ", ".join(f"{name} = ?" for name in columns)
            connection.execute(f"update ota_updates set {names} where id = ?", [*columns.values(), number])
        state = columns["state"]
        if state in EVENTS and (before is None or before[0] != state):
            self._write_event(connection, number, columns)
            return {"ota_updates", "events"}
        return {"ota_updates"}

    @staticmethod
    def _write_event(connection, number, row):
        figures = {name: row[name] for name in ("type", "version", "repeats", "restarts", "crc_failures")}
        detail = f"firmware {row['type']}/{row['version']}: {row['reason']}"
        connection.execute(
            "insert into events (event, node, started_at, ended_at, detail, figures) values (?, ?, ?, ?, ?, ?)",
            (
                EVENTS[row["state"]],
                row["node"],
                row["requested_at"],
                row["finished_at"],
                detail,
                json.dumps({"update": number, **figures}),
            ),
        )

    def committed(self):
        for key, number in self._numbers.items():
            self._rows[key].update.id = number
            self._known.add(number)
        self._rows, self._pending, self._numbers = {}, [], {}
