"""What becomes of orders that came in: the rows are watched until they are done."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.orders.outcome import Done, RefusedError
from outbound.mqtt.orders import MqttOrder

MOST = 100  # orders that are followed; of older ones no more is published
ROWS = {
    "ups_orders": "select state, reason, done_at is not null from ups_orders where id = ?",
    "outbox": "select state, reason, done_at is not null from outbox where id = ?",
    "ota_updates": "select state, reason, finished_at is not null from ota_updates where id = ?",
}
WELL = ("done", "echoed", "confirmed")  # of UPSes, nodes, firmware


def accepted(order: MqttOrder, done: Done) -> bytes:
    """The payload for an order that is placed."""
    return _payload(order=_id_of(done), state="queued", ok=True, message=done.message)


def refused(error: RefusedError) -> bytes:
    """The payload for an order that is refused."""
    return _payload(order=None, state="refused", ok=False, message="; ".join(error.errors))


@dataclass
class _Followed:
    order: MqttOrder
    id: int
    state: str = "queued"


class OrderResults:
    """The orders that are not done yet."""

    def __init__(self) -> None:
        self._followed: list[_Followed] = []

    def __bool__(self) -> bool:
        return bool(self._followed)

    def follow(self, order: MqttOrder, done: Done) -> None:
        """Watch the row of an order."""
        self._followed = [*self._followed, _Followed(order, _id_of(done))][-MOST:]

    def read(self, connection: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
        """Yield topic and payload of each order whose state is another one."""
        for one in list(self._followed):
            row = connection.execute(ROWS[one.order.table], (one.id,)).fetchone()
            state, reason, is_done = ("deleted", "its row is gone", True) if row is None else tuple(row)
            if is_done:
                self._followed.remove(one)
            if state != one.state or is_done:
                one.state = state
                is_well = not is_done or state in WELL
                yield (
                    one.order.result_topic,
                    _payload(order=one.id, state=state, ok=is_well, message=reason),
                )


def _id_of(done: Done) -> int:
    return int(done.data["ids"][0])


def _payload(**content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
