"""A critical event that goes on is sent again every `repeat_s` until it ends or is acknowledged.

The pauses are measured by CLOCK_BOOTTIME; after a start they go on from what the rows say.
"""

import sqlite3
from collections.abc import Callable

from ingest.clock.belief import clock_is_believed
from ingest.config.alerts import Alerts
from ingest.db.moment import Moment
from ingest.severity import Severity
from outbound.alerts.delivery import Delivery, new_delivery
from outbound.alerts.feed import load_event
from outbound.alerts.kinds import event_kind
from outbound.alerts.messages import AlertSite, repeat_message
from outbound.alerts.model import AlertEvent, DeliveryKind, DeliveryState
from outbound.alerts.plan import Group
from outbound.alerts.quiet import held_until

LOOK_S = 5.0  # between two looks at whether one is due
OPEN = """select distinct d.event from events e join deliveries d on d.event = e.id
where e.ended_at is null and d.kind = 'begin'"""
# What is still on its way is not repeated. One whose begin was muted is sent when it outlasts the mute.
DONE = (DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.MUTED)

RowsOf = Callable[[int], list[Delivery]]  # all deliveries of an event, in order, also those not yet stored
MuteOf = Callable[[AlertEvent, str], str]  # why the messages of a rule about an event are muted, or ''


class Repeats:
    """When each event that goes on was last sent to each target."""

    def __init__(self, alerts: Alerts, site: AlertSite) -> None:
        self._alerts, self._site = alerts, site
        # Kind and number of the last one, and CLOCK_BOOTTIME of its sending, by event and target.
        self._sent: dict[tuple[int, str], tuple[tuple[DeliveryKind, int], float]] = {}
        self._looked = float("-inf")

    def forget(self) -> None:
        """Begin with another database."""
        self._sent, self._looked = {}, float("-inf")

    def due(
        self, connection: sqlite3.Connection, now: Moment, rows_of: RowsOf, mute_of: MuteOf
    ) -> list[Group]:
        """The repeats that are due now."""
        if not self._alerts.repeat_s or now.boottime - self._looked < LOOK_S:
            return []
        self._looked = now.boottime
        groups: list[Group] = []
        events = [number for (number,) in connection.execute(OPEN)]
        for number in events:
            loaded = load_event(connection, number)
            if loaded is None or not _may_repeat(*loaded):
                continue
            for last in _last_of_each(rows_of(number)).values():
                if self._is_due(last, now) and not mute_of(loaded[0], last.rule):
                    groups += self._compose(connection, loaded[0], last, now)
        self._sent = {key: value for key, value in self._sent.items() if key[0] in events}
        return groups

    def _is_due(self, last: Delivery, now: Moment) -> bool:
        if last.state not in DONE or last.event is None:
            return False
        key = last.event, last.target
        known = self._sent.get(key)
        if known is None or known[0] != (last.kind, last.number):
            since_s = now.wall - (last.sent_at or last.created_at)
            # One that was sent while this process ran was sent at the latest a look ago.
            since_s = min(max(0.0, since_s), self._alerts.repeat_s if known is None else LOOK_S)
            known = self._sent[key] = ((last.kind, last.number), now.boottime - since_s)
        return now.boottime - known[1] >= self._alerts.repeat_s

    def _compose(
        self, connection: sqlite3.Connection, event: AlertEvent, last: Delivery, now: Moment
    ) -> list[Group]:
        is_quiet = held_until(self._alerts.quiet, event.severity, now.wall, self._site.timezone) is not None
        if is_quiet and clock_is_believed(connection):
            return []
        number = last.number + 1 if last.kind is DeliveryKind.REPEAT else 1
        message = repeat_message(event, now.wall, self._site, number)
        return [[new_delivery(message, last.target, now.wall, event=event.id, number=number, rule=last.rule)]]


def _may_repeat(event: AlertEvent, is_acknowledged: bool) -> bool:
    is_critical = event.severity is Severity.CRITICAL
    return event_kind(event.event).repeats and is_critical and not is_acknowledged


def _last_of_each(rows: list[Delivery]) -> dict[str, Delivery]:
    """The last begin or repeat of each target; what it is told next has a higher number."""
    return {row.target: row for row in rows if row.kind in (DeliveryKind.BEGIN, DeliveryKind.REPEAT)}
