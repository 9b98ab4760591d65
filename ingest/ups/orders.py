"""The table `ups_orders`: a sink that hands out orders to UPSes and writes their results.

An order is done within a minute or not at all: it must not fire when a server comes back hours later. It
goes out once: `sent` is on disk before the first byte leaves, and one that is `sent` when ingest starts is
not sent again.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ingest.db.time import format_utc, parse_utc
from ingest.ups.command_values import command_text, invalid_command_value_reason
from ingest.ups.settings import UpsSettings

log = logging.getLogger(__name__)

SELECT_UNFINISHED = """select o.id, u.name as ups, u.source, o.command, o.variable, o.value, o.created_by,
o.created_at, o.expires_at, o.state
from ups_orders o join ups u on u.id = o.ups where o.state in ('queued', 'sent') order by o.id"""
UPDATE_ORDER = """update ups_orders set state = ?, sent_at = coalesce(?, sent_at), done_at = ?, reason = ?,
old = coalesce(?, old) where id = ?"""
INSERT_AUDIT = """insert into audit (actor, action, subject, detail, outcome)
values (?, 'ups_order_sent', ?, ?, ?)"""
CLOCK_TOLERANCE_S = 5.0  # a clock that was set back by more than this makes an order one of the future
MAX_LIFETIME_S = 60.0  # whatever `expires_at` says
INTERRUPTED = "ingest ended before an answer came: whether the UPS did it is not known; it is not sent again"
EXPIRED = "expired: ingest did not run, or its machine was restarted"


@dataclass(frozen=True)
class UpsOrder:
    """A row to be sent. `deadline` is when it expires, on the monotonic clock."""

    id: int
    ups: str
    command: str | None
    variable: str | None
    value: str | None
    by: str
    deadline: float

    @property
    def description(self) -> str:
        """What is ordered, as the audit has it."""
        if self.command is not None:
            return command_text(self.command, self.value)
        return f"{self.variable} = {self.value}"


@dataclass(frozen=True)
class UpsOrderChange:
    """What becomes of a row: `state` is sent, done, failed, expired or unknown.

    `old` is what a setting was.
    """

    order: UpsOrder
    state: str
    at: float  # unix seconds
    reason: str = ""
    old: str | None = None


class _Unfinished(NamedTuple):
    """A row of SELECT_UNFINISHED."""

    id: int
    ups: str
    source: str
    command: str | None
    variable: str | None
    value: str | None
    created_by: str | None
    created_at: str
    expires_at: str
    state: str


class UpsOrders:
    """Sink for `UpsOrderChange` items; it finds new rows by itself.

    `deliver(source, order)` takes a new order. `sources` are the names of this program's sources;
    `settings` is the config's `ups:`, which lists what may be ordered.
    """

    def __init__(
        self,
        sources: Iterable[str],
        settings: Mapping[str, UpsSettings],
        deliver: Callable[[str, UpsOrder], object],
    ) -> None:
        self._sources, self._settings, self._deliver = set(sources), settings, deliver
        self._known: set[int] = set()
        self._changes: list[UpsOrderChange] = []
        self._is_asked = False

    def look_again(self) -> None:
        """Look for new rows at the next poll: this program has written one."""
        self._is_asked = True

    def absorb(self, change: UpsOrderChange) -> None:
        """Take a change that a sender reports."""
        self._changes.append(change)

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Look for new rows where another program wrote; True where something is to be written."""
        if changed or self._is_asked:
            self._is_asked = False
            for row in map(_Unfinished._make, connection.execute(SELECT_UNFINISHED).fetchall()):
                if row.source in self._sources and row.id not in self._known:
                    self._known.add(row.id)
                    self._start(row)
        return bool(self._changes)

    def _start(self, row: _Unfinished) -> None:
        now, monotonic = time.time(), time.monotonic()
        deadline = monotonic + seconds_left(row.created_at, row.expires_at, now)
        order = UpsOrder(
            row.id, row.ups, row.command, row.variable, row.value, row.created_by or "", deadline
        )
        if row.state == "sent":
            self._changes.append(UpsOrderChange(order, "unknown", now, INTERRUPTED))
        elif deadline <= monotonic:
            self._changes.append(UpsOrderChange(order, "expired", now, EXPIRED))
        elif reason := self._refusal(order):
            self._changes.append(UpsOrderChange(order, "failed", now, reason))
        else:
            self._deliver(row.source, order)

    def _refusal(self, order: UpsOrder) -> str | None:
        """Why an order is not sent. The site has checked the same; but other programs may write rows too."""
        own = self._settings.get(order.ups)
        if (order.command is None) == (order.variable is None):
            return "an order is either a command or a variable with a value"
        if order.command is not None:
            kind, name, listed = "commands", order.command, own.commands if own else ()
        else:
            kind, name, listed = "settings", order.variable or "", own.settings if own else ()
        if name in listed:
            return self._value_refusal(order)
        return f"{name} is not listed: `ups: {order.ups}: {kind}:` in config.yml names what may be ordered"

    @staticmethod
    def _value_refusal(order: UpsOrder) -> str | None:
        if order.command is None or order.value is None:
            return None
        reason = invalid_command_value_reason(order.command, order.value)
        return None if reason is None else f"not sent: {reason}"

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write the changes into the open transaction; returns the topics that changed."""
        for change in self._changes:
            at, order = format_utc(change.at), change.order
            sent_at, done_at = (at, None) if change.state == "sent" else (None, at)
            connection.execute(
                UPDATE_ORDER, (change.state, sent_at, done_at, change.reason, change.old, order.id)
            )
            if done_at:
                outcome = f"{change.state}: {change.reason}" if change.reason else change.state
                connection.execute(INSERT_AUDIT, (order.by, order.ups, order.description, outcome))
        return {"ups_orders", "audit"} if self._changes else set()

    def committed(self) -> None:
        """Log and forget the changes that are on disk."""
        for change in self._changes:
            if change.state != "sent":
                order, reason = change.order, f": {change.reason}" if change.reason else ""
                log.log(
                    logging.INFO if change.state == "done" else logging.WARNING,
                    "%s: order %d of %s, %s, %s%s",
                    order.ups,
                    order.id,
                    order.by,
                    order.description,
                    change.state,
                    reason,
                )
        self._changes = []


def seconds_left(created_at: str, expires_at: str, now: float) -> float:
    """The seconds that an order has left by the wall clock; 0 where that cannot be trusted.

    A machine without a clock of its own starts with an old time: what was ordered before it started is
    over.
    """
    created, expires = parse_utc(created_at), parse_utc(expires_at)
    started = now - time.clock_gettime(time.CLOCK_BOOTTIME)
    if created > now + CLOCK_TOLERANCE_S or created < started:
        return 0.0
    return max(0.0, min(expires, created + MAX_LIFETIME_S) - now)
