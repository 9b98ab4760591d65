"""The sink of firmware updates: reports of the dialogue to rows, changes by users to the dialogue.

The site inserts rows of `ota_updates` and `ota_commands`; the sink hands them over, writes what becomes of
them, moves rollouts on, and records the end of each update in `events`.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import InitVar, dataclass, field

from ingest.db.connection import Row, dict_rows
from ingest.db.reserved_ids import ids_not_freed
from ingest.db.time import format_utc
from ingest.mysensors.ota_records import (
    CancelledCommand,
    CancelledUpdate,
    ChangedUpdate,
    CommandState,
    DeletedFirmware,
    FirmwareReport,
    NodeAttention,
    OtaChange,
    OtaRecord,
    RefusedUpdate,
    StoredOtaState,
    UnreadablePayload,
)
from ingest.mysensors.ota_rows import (
    MARKS,
    SELECT_COMMANDS,
    UPDATE_COLUMNS,
    read_command,
    read_firmware,
    read_members,
    read_update,
    update_columns,
)
from ota.rollout import WAITING, Member, next_steps
from ota.settings import RolloutSettings
from ota.update import CANCELLED, CONFIRMED, FAILED

EVENTS = {CONFIRMED: "OTA_CONFIRMED", FAILED: "OTA_FAILED"}
LISTEN_ONLY = "this gateway is listened to only (controller: false): its own controller updates its nodes"

SELECT_RELEASED = (
    f"select * from ota_updates where state in ({MARKS}) and released_at is not null order by id"
)
SELECT_ROLLOUTS = """select distinct rollout from ota_updates
where rollout is not null and released_at is null and state = 'requested'"""
RELEASE = "update ota_updates set released_at = ?, reason = '' where id = ? and released_at is null"
EXPLAIN_WAIT = """update ota_updates set reason = ?
where rollout = ? and released_at is null and state = 'requested'"""
END_UPDATE = f"""update ota_updates set state = ?, reason = ?, finished_at = ?
where id = ? and state in ({MARKS})"""
SAVE_COMMAND = """update ota_commands set state = ?, reason = ?, reboots = ?, sent_at = ?, given_ids = ?,
new_node_id = ?, changed_at = ? where id = ? and state = coalesce(?, state)"""
SAVE_REPORT = """insert into node_firmware
(node, type, version, blocks, crc, bootloader, block_size, committed, reported_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (node) do update set
type = excluded.type, version = excluded.version, blocks = excluded.blocks, crc = excluded.crc,
bootloader = excluded.bootloader, block_size = excluded.block_size,
committed = excluded.committed, reported_at = excluded.reported_at"""
SAVE_ATTENTION = """insert into node_firmware (node, attention, attention_at) values (?, ?, ?)
on conflict (node) do update set attention = excluded.attention, attention_at = excluded.attention_at"""
SAVE_REJECT = "insert into rejects (received_at, source, raw, reason) values (?, ?, ?, ?)"
SAVE_EVENT = """insert into events (event, node, started_at, ended_at, detail, figures)
values (:event, :node, :requested_at, :finished_at, :detail, :figures)"""
FIGURES = ("type", "version", "repeats", "restarts", "crc_failures")  # of an update, in its event
INSERT_UPDATE = f"""insert into ota_updates (released_at, {", ".join(UPDATE_COLUMNS)})
values (:requested_at, {", ".join(f":{name}" for name in UPDATE_COLUMNS)}) returning id"""
SAVE_UPDATE = f"""update ota_updates
set {", ".join(f"{name} = :{name}" for name in UPDATE_COLUMNS if name != "id")} where id = :id"""


@dataclass(eq=False)
class OtaSink:
    """Sink for OtaRecords; hands what users changed to the dialogue through `deliver`.

    `gateways` maps the numbers of this program's gateways to whether they are only listened to.
    """

    gateways: Mapping[int, bool]
    rollout: RolloutSettings
    stored: InitVar[StoredOtaState]
    deliver: Callable[[list[OtaChange]], object]
    _cancelled: set[int] = field(default_factory=set, init=False)  # ota_updates.id
    _cancelled_commands: set[int] = field(default_factory=set, init=False)
    _rolling: bool = field(default=True, init=False)
    _look_again: bool = field(default=True, init=False)
    # id() of the OtaUpdate -> the last of its changes
    _rows: dict[int, ChangedUpdate] = field(default_factory=dict, init=False)
    # id() of a new OtaUpdate -> its row id, until the commit stands
    _numbers: dict[int, int] = field(default_factory=dict, init=False)
    # (statement, values, topic)
    _pending: list[tuple[str, tuple[str | int | None, ...], str]] = field(default_factory=list, init=False)

    def __post_init__(self, stored: StoredOtaState) -> None:
        self._firmware = {one.id: one.image.sha256 for one in stored.firmware}
        self._known = {update.id for update in stored.updates if update.id is not None}  # ota_updates.id
        self._commands = {order.id for order in stored.commands if order.id is not None}

    # Records of the dialogue.

    def absorb(self, item: OtaRecord) -> None:
        """Take what the dialogue reports into memory."""
        at = format_utc(time.time())
        match item:
            case ChangedUpdate():
                self._rows[id(item.update)] = item
            case FirmwareReport(node, request):
                known = (request.bootloader, request.block_size, request.committed)
                self._pend(SAVE_REPORT, (node, *request.config, *known, at), "node_firmware")
            case NodeAttention(node, text):
                self._pend(SAVE_ATTENTION, (node, text, at if text else None), "node_firmware")
            case RefusedUpdate(number, state, reason):
                self._end(number, state, reason)
            case CommandState(number, state, reason, reboots, sent_at, given, new_node_id, before):
                sent = None if sent_at is None else format_utc(sent_at)
                values = (state, reason, reboots, sent, given, new_node_id, at, number, before)
                self._pend(SAVE_COMMAND, values, "ota_commands")
            case UnreadablePayload(source, line, reason):
                self._pend(SAVE_REJECT, (at, source, line, reason), "rejects")

    def _pend(self, statement: str, values: tuple[str | int | None, ...], topic: str) -> None:
        self._pending.append((statement, values, topic))

    def _end(self, number: int, state: str, reason: str) -> None:
        self._pend(END_UPDATE, (state, reason, format_utc(time.time()), number), "ota_updates")

    # What other programs wrote.

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Hand over what users changed, and move rollouts on. True when rows are pending."""
        if changed or self._look_again:
            self._look_again = False
            self._rolling = True
            changes: list[OtaChange] = [
                *self._changed_firmware(connection),
                *self._changed_updates(connection),
                *self._changed_commands(connection),
            ]
            if changes:
                self.deliver(changes)
        if self._rolling:
            self._move_rollouts(connection)
        return bool(self._pending)

    def _changed_firmware(self, connection: sqlite3.Connection) -> Iterator[OtaChange]:
        stored = dict(connection.execute("select id, sha256 from firmware").fetchall())
        for number, sha256 in stored.items():
            if self._firmware.get(number) != sha256:
                yield from read_firmware(connection, "where f.id = ?", (number,))
        for number in self._firmware.keys() - stored.keys():
            yield DeletedFirmware(number)
        self._firmware = stored

    def _changed_updates(self, connection: sqlite3.Connection) -> Iterator[OtaChange]:
        self._known = ids_not_freed(connection, "ota_updates", self._known)
        self._cancelled = ids_not_freed(connection, "ota_updates", self._cancelled)
        for row, is_listen_only in self._rows_here(connection, SELECT_RELEASED):
            number = row["id"]
            if number not in self._known:
                self._known.add(number)
                if is_listen_only:
                    self._end(number, FAILED, LISTEN_ONLY)
                    continue
                yield read_update(row)
            if row["cancel_at"] is not None and number not in self._cancelled:
                self._cancelled.add(number)
                yield CancelledUpdate(number, row["node"], row["cancel_by"] or "somebody")

    def _changed_commands(self, connection: sqlite3.Connection) -> Iterator[OtaChange]:
        self._commands = ids_not_freed(connection, "ota_commands", self._commands)
        self._cancelled_commands = ids_not_freed(connection, "ota_commands", self._cancelled_commands)
        for row, is_listen_only in self._rows_here(connection, SELECT_COMMANDS):
            number = row["id"]
            if row["state"] == "cancelling":
                if number not in self._cancelled_commands:
                    self._cancelled_commands.add(number)
                    yield CancelledCommand(number, row["node"], row["reason"] or "somebody")
            elif number not in self._commands:
                self._commands.add(number)
                if is_listen_only:
                    self.absorb(CommandState(number, "failed", LISTEN_ONLY))
                else:
                    yield read_command(row)

    def _rows_here(self, connection: sqlite3.Connection, sql: str) -> Iterator[tuple[Row, bool]]:
        """Rows of nodes of this program's gateways, and whether the gateway is only listened to."""
        for row in dict_rows(connection, sql):
            if row["node"] >> 8 in self.gateways:
                yield row, self.gateways[row["node"] >> 8]

    def _move_rollouts(self, connection: sqlite3.Connection) -> None:
        """Release the next members of each rollout, or end it."""
        rollouts = [row[0] for row in connection.execute(SELECT_ROLLOUTS)]
        self._rolling = bool(rollouts)
        for rollout in rollouts:
            self._move_rollout(rollout, read_members(connection, rollout))

    def _move_rollout(self, rollout: int, members: list[Member]) -> None:
        plan = next_steps(members, self.rollout)
        waiting = [member for member in members if member.state == WAITING]
        if plan.stop:
            for member in waiting:
                self._end(member.update, CANCELLED, plan.stop)
        for number in plan.start:
            self._pend(RELEASE, (format_utc(time.time()), number), "ota_updates")
            self._look_again = True
        reason = f"the rollout waits for {plan.waits_for}"
        if plan.waits_for and any(member.reason != reason for member in waiting):
            self._pend(EXPLAIN_WAIT, (reason, rollout), "ota_updates")

    @property
    def is_urgent(self) -> bool:
        """Whether the end of an update waits to be written: an event."""
        return any(changed.snapshot.state in EVENTS for changed in self._rows.values())

    # Memory into the open transaction.

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what is pending; return the topics that changed."""
        topics = {topic for _, _, topic in self._pending}
        for statement, values, _ in self._pending:
            connection.execute(statement, values)
        self._numbers = {}
        for key, changed in self._rows.items():
            topics |= self._write_update(connection, key, changed)
        return topics

    def _write_update(self, connection: sqlite3.Connection, key: int, changed: ChangedUpdate) -> set[str]:
        columns = update_columns(changed.snapshot) | {"id": changed.update.id}
        before = connection.execute("select state from ota_updates where id = :id", columns).fetchone()
        if changed.update.id is None:
            columns["id"] = self._numbers[key] = connection.execute(INSERT_UPDATE, columns).fetchone()[0]
        else:
            connection.execute(SAVE_UPDATE, columns)
        state = changed.snapshot.state
        if state not in EVENTS or before == (state,):
            return {"ota_updates"}
        figures = {"update": columns["id"]} | {name: columns[name] for name in FIGURES}
        detail = f"firmware {columns['type']}/{columns['version']}: {columns['reason']}"
        connection.execute(
            SAVE_EVENT, columns | {"event": EVENTS[state], "detail": detail, "figures": json.dumps(figures)}
        )
        return {"ota_updates", "events"}

    def committed(self) -> None:
        """Give new updates their row ids, and forget what is on disk."""
        for key, number in self._numbers.items():
            self._rows[key].update.id = number
            self._known.add(number)
        self._rows, self._pending, self._numbers = {}, [], {}
