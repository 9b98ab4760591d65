"""The `outbox` table between people's orders and the gateways: a sink that reads orders and writes what became of them."""

import time

from ingest.db.time import format_utc
from ingest.mysensors.commands import NodeOrderChange, parse_order
from ingest.mysensors.protocol import LineError

WAITING = """select outbox.id, nodes.node_id, "order", line, expires_at, nodes.gateway,
outbox.state = 'sent' and nodes.smart_sleep_ms is null as unsure
from outbox join nodes on nodes.id = outbox.node
where outbox.state in ('queued', 'sent') and done_at is null order by outbox.id"""
UPDATE = """update outbox set state = ?, sent_at = coalesce(?, sent_at), done_at = ?, reason = ?,
line = coalesce(?, line) where id = ?"""


class Outbox:
    """Sink for `NodeOrderChange` items; gives new orders to the gateways through `deliver(gateway, orders)`.

    `gateways` maps the numbers of this program's gateways to whether they are only listened to.
    """

    def __init__(self, gateways, deliver):
        self._gateways, self._deliver = gateways, deliver
        self._known = set()
        self._updates = []

    def absorb(self, update):
        self._updates.append(update)

    def poll(self, connection, changed):
        if not changed:
            return False
        fresh = {}
        for *row, gateway, unsure in connection.execute(WAITING).fetchall():
            if gateway not in self._gateways or row[0] in self._known:
                continue
            self._known.add(row[0])
            if unsure:  # sent by a run before this one: once more could reboot a node twice
                reason = "ingest was restarted before the node's echo came"
                self._updates.append(
                    NodeOrderChange(row[0], "failed", done_at=format_utc(time.time()), reason=reason)
                )
                continue
            try:
                fresh.setdefault(gateway, []).append(parse_order(row, self._gateways[gateway]))
            except LineError as error:
                self._updates.append(NodeOrderChange(row[0], "failed", reason=str(error)))
        for gateway, orders in fresh.items():
            self._deliver(gateway, orders)
        return bool(self._updates)

    def write(self, connection):
        connection.executemany(
            UPDATE,
            [
                (update.state, update.sent_at, update.done_at, update.reason, update.line, update.id)
                for update in self._updates
            ],
        )
        return {"outbox"} if self._updates else set()

    def committed(self):
        self._updates = []
