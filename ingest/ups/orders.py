"""The table `ups_orders` between people and their UPSes: a sink that hands out orders and writes what became of them.

An order is done within a minute or not at all: it must not fire when a server comes back hours later. It goes out once:
`sent` is on disk before the first byte leaves, and one that is `sent` when ingest starts is not sent again.
"""

import logging
import time
from dataclasses import dataclass

from ingest.db.time import format_utc, parse_utc

log = logging.getLogger(__name__)

SELECT_UNFINISHED = """select o.id, u.name, u.source, o.command, o.variable, o.value, o.created_by, o.created_at, o.expires_at, o.state
from ups_orders o join ups u on u.id = o.ups where o.state in ('queued', 'sent') order by o.id"""
UPDATE_ORDER = """update ups_orders set state = ?, sent_at = coalesce(?, sent_at), done_at = ?, reason = ?, old = coalesce(?, old)
where id = ?"""
INSERT_AUDIT = (
    "insert into audit (actor, action, subject, detail, outcome) values (?, 'ups_order_sent', ?, ?, ?)"
)
CLOCK_TOLERANCE_S = 5.0  # a clock that was set back by more than this makes an order one of the future
MAX_LIFETIME_S = 60.0  # whatever `expires_at` says
INTERRUPTED = "ingest ended before an answer came: whether the UPS did it is not known; it is not sent again"


@dataclass(frozen=True)
class UpsOrder:
    """One row. `deadline` is when it expires, on the monotonic clock."""

    id: int
    ups: str
    command: str | None
    variable: str | None
    value: str | None
    by: str
    deadline: float

    @property
    def description(self):
        """What is ordered, as the audit has it."""
        return self.command or f"{self.variable} = {self.value}"


@dataclass(frozen=True)
class UpsOrderChange:
    """What is to be written to a row: `state` is sent, done, failed, expired or unknown. `old` is what a setting was."""

    order: UpsOrder
    state: str
    at: float
    reason: str = ""
    old: str | None = None


class UpsOrders:
    """Sink for `UpsOrderChange` items. `deliver(source, order)` takes a new order.

    `sources` are the names of this program's sources; `settings` is the config's `ups:`, which lists what may be ordered.
    """

    def __init__(self, sources, settings, deliver):
        self._sources, self._settings, self._deliver = set(sources), settings, deliver
        self._known = set()
        self._updates = []

    def absorb(self, update):
        self._updates.append(update)

    def poll(self, connection, changed):
        if changed:
            for number, ups, source, *row in connection.execute(SELECT_UNFINISHED).fetchall():
                if source in self._sources and number not in self._known:
                    self._known.add(number)
                    self._take(number, ups, source, *row)
        return bool(self._updates)

    def _take(self, number, ups, source, command, variable, value, by, created_at, expires_at, state):
        now = time.time()
        order = UpsOrder(
            number,
            ups,
            command,
            variable,
            value,
            by or "",
            time.monotonic() + seconds_left(created_at, expires_at, now),
        )
        if state == "sent":
            self._updates.append(UpsOrderChange(order, "unknown", now, INTERRUPTED))
        elif order.deadline <= time.monotonic():
            self._updates.append(
                UpsOrderChange(
                    order, "expired", now, "expired: ingest did not run, or its machine was started anew"
                )
            )
        elif words := self._refusal(order):
            self._updates.append(UpsOrderChange(order, "failed", now, words))
        else:
            self._deliver(source, order)

    def _refusal(self, order):
        """The site has asked the same; but a row may come from anywhere, and the config may have changed since."""
        own = self._settings.get(order.ups)
        if (order.command is None) == (order.variable is None):
            return "an order is either a command or a variable with a value"
        kind, name = ("commands", order.command) if order.command else ("settings", order.variable)
        if own is None or name not in getattr(own, kind):
            return (
                f"{name} is not listed: `ups: {order.ups}: {kind}:` in config.yml names what may be ordered"
            )
        return None

    def write(self, connection):
        for update in self._updates:
            at, order = format_utc(update.at), update.order
            sent_at, done_at = (at, None) if update.state == "sent" else (None, at)
            connection.execute(
                UPDATE_ORDER, (update.state, sent_at, done_at, update.reason, update.old, order.id)
            )
            if done_at:
                outcome = f"{update.state}: {update.reason}" if update.reason else update.state
                connection.execute(INSERT_AUDIT, (order.by, order.ups, order.description, outcome))
        return {"ups_orders", "audit"} if self._updates else set()

    def committed(self):
        for update in self._updates:
            if update.state != "sent":
                level = logging.INFO if update.state == "done" else logging.WARNING
                order, reason = update.order, f": {update.reason}" if update.reason else ""
                log.log(
                    level,
                    "%s: order %d of %s, %s, %s%s",
                    order.ups,
                    order.id,
                    order.by,
                    order.description,
                    update.state,
                    reason,
                )
        self._updates = []


def seconds_left(created_at, expires_at, now):
    """The seconds that an order has left, by the wall clock; 0 where the clock cannot be trusted about it.

    A machine without a clock of its own starts with an old time: what was ordered before it started is over.
    """
    created, expires = parse_utc(created_at), parse_utc(expires_at)
    started = now - time.clock_gettime(time.CLOCK_BOOTTIME)
    if created > now + CLOCK_TOLERANCE_S or created < started:
        return 0.0
    return max(0.0, min(expires, created + MAX_LIFETIME_S) - now)
