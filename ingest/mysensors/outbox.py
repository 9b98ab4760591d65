"""The table `outbox` between users' orders and gateways: a sink that reads orders, writes their outcome."""

import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.db.reserved_ids import ids_not_freed
from ingest.db.time import format_utc
from ingest.mysensors.commands import NodeOrder, NodeOrderChange, OutboxRow, parse_order
from ingest.mysensors.protocol import LineError

# `unsure`: sent by a run before this one, to a node that announces no windows.
WAITING = """select outbox.id, nodes.node_id, "order", line, expires_at, outbox.created_at, nodes.gateway,
outbox.state = 'sent' as was_sent, nodes.windows = 0 and nodes.smart_sleep_ms is null as unsure
from outbox join nodes on nodes.id = outbox.node
where outbox.state in ('queued', 'sent') and done_at is null order by outbox.id"""
UPDATE = """update outbox set state = :state, sent_at = coalesce(:sent_at, sent_at), done_at = :done_at,
reason = :reason, line = coalesce(:line, line) where id = :id"""


@dataclass(eq=False)
class Outbox:
    """Sink for `NodeOrderChange` items; gives new orders to the gateways through `deliver(gateway, orders)`.

    `gateways` maps the numbers of this program's gateways to whether they are only listened to.
    """

    gateways: Mapping[int, bool]
    deliver: Callable[[int, list[NodeOrder]], object]
    _known: set[int] = field(default_factory=set, init=False)  # outbox.id of orders that were read
    _changes: list[NodeOrderChange] = field(default_factory=list, init=False)

    def absorb(self, change: NodeOrderChange) -> None:
        """Take what became of an order."""
        self._changes.append(change)

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Deliver the orders that users have added."""
        if not changed:
            return False
        self._known = ids_not_freed(connection, "outbox", self._known)
        fresh: dict[int, list[NodeOrder]] = {}
        for *values, gateway, was_sent, unsure in connection.execute(WAITING).fetchall():
            row = OutboxRow(*values)
            if gateway not in self.gateways or row.id in self._known:
                continue
            self._known.add(row.id)
            try:
                order = parse_order(row, self.gateways[gateway])
            except LineError as error:
                self._changes.append(NodeOrderChange(row.id, "failed", reason=str(error)))
                continue
            if was_sent and (unsure or not order.is_repeatable):  # once more could reboot a node twice
                reason = (
                    "ingest was restarted before the node's echo came: not sent again, it may have arrived"
                )
                done_at = format_utc(time.time())
                self._changes.append(NodeOrderChange(row.id, "failed", done_at=done_at, reason=reason))
                continue
            fresh.setdefault(gateway, []).append(order)
        for gateway, orders in fresh.items():
            self.deliver(gateway, orders)
        return bool(self._changes)

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what became of orders."""
        connection.executemany(UPDATE, [change._asdict() for change in self._changes])
        return {"outbox"} if self._changes else set()

    def committed(self) -> None:
        """Forget the changes: they are in the file."""
        self._changes = []
