"""From changes of events to deliveries: rules, `after_s`, mutes, holds, outages of several UPSes at once.

`step` runs in the thread of the database. It reads, and returns what is to be stored; how far events are
followed is kept here, too, so that a database that can be read but not written loses nothing. Durations are
measured by CLOCK_BOOTTIME, which is never set and counts the time of a suspended machine.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from ingest.clock.belief import clock_is_believed
from ingest.config.alerts import Alerts
from ingest.db.moment import Moment
from outbound.alerts import store
from outbound.alerts.delivery import LATE, Delivery
from outbound.alerts.feed import EventFeed, StoredChange, load_event
from outbound.alerts.followed import (
    REOPENED,
    DueMessage,
    FollowedEvent,
    follow,
    length_s,
    newest_round,
    next_round,
)
from outbound.alerts.holds import NO_HOLD, find_hold
from outbound.alerts.messages import AlertSite
from outbound.alerts.model import AlertEvent, DeliveryKind, DeliveryState
from outbound.alerts.mutes import active_mutes, find_mute
from outbound.alerts.outages import OUTAGE, compose_all, wait_for_others
from outbound.alerts.plan import DeliveryPlan, PlannedMessage
from outbound.alerts.repeats import Repeats
from outbound.alerts.rules import RuleChoice, choose_rule
from outbound.alerts.self_tests import mute_reported_tests
from outbound.alerts.store import PendingEvent

log = logging.getLogger(__name__)

LATE_S = 60.0  # what is known only so long after it began comes as one message with others like it
TARGET_FAILING = "TARGET_FAILING"
FAILING_RULE = "failing targets"  # of that event: it goes to all other targets, whatever the rules
BEGIN_MUTED = "its beginning was muted"

Due = tuple[FollowedEvent, AlertEvent, list[DueMessage]]
Known = Callable[[int], list[Delivery]]  # deliveries of an event that are not yet in the database


def choose(alerts: Alerts, event: AlertEvent, target: str) -> RuleChoice | None:
    """How an event goes to a target; None: not at all. A failing target is told to all others."""
    if event.event == TARGET_FAILING:
        return None if failing_target(event) == target else RuleChoice(FAILING_RULE, 0.0)
    return choose_rule(alerts, event, target)


def failing_target(event: AlertEvent) -> str:
    """The name of the target that an event TARGET_FAILING is about."""
    return str(event.figures.get("target", event.name))


def nothing_unsaved(event: int) -> list[Delivery]:
    """No delivery of the event waits to be stored."""
    return []


class AlertPlanner:
    """What is on its way. `known` looks up deliveries of an event that wait to be stored."""

    def __init__(self, alerts: Alerts, site: AlertSite, known: Known = nothing_unsaved) -> None:
        self._alerts, self._site, self._known = alerts, site, known
        self._targets = [target.name for target in alerts.targets]
        self._feed = EventFeed()
        self._followed: dict[int, FollowedEvent] = {}
        self._repeats = Repeats(alerts, site)
        self._is_changed = True  # what is followed, since it was stored

    def start(self, connection: sqlite3.Connection, now: Moment) -> None:
        """Go on where this database says that alerts were; nothing of before their first start is sent."""
        was_followed = self._feed.start(connection, now.wall)
        pending = store.read_pending(connection) if was_followed else []
        self._followed = {
            row.event: follow(row, self._rows_of(connection, row.event), now.wall - row.begun_at > LATE_S)
            for row in pending
        }
        self._repeats.forget()
        self._is_changed = not was_followed

    def step(self, connection: sqlite3.Connection, now: Moment, is_changed: bool) -> DeliveryPlan:
        """What is to be stored and sent now. `is_changed`: the database may hold new changes of events."""
        plan = DeliveryPlan()
        if is_changed:
            for change in self._feed.read(connection, now.boottime):
                self._is_changed = True
                try:
                    self._take(connection, change, now, plan)
                except (ValueError, TypeError):  # its row holds what no program of ours wrote
                    log.exception("The event %d cannot be followed", change.event)
        rows_of = partial(self._rows_of, connection)
        planned = list(mute_reported_tests(connection, list(self._due(connection, now)), rows_of))
        plan.groups += compose_all(connection, planned, now.wall, self._site)
        plan.groups += self._repeats.due(connection, now, rows_of, partial(_mute_of, connection))
        if self._is_changed or planned:
            plan.pending = [followed.row for followed in self._followed.values()]
            plan.cursor = (self._feed.seq, self._feed.imports)
        return plan

    def stored(self, is_stored: bool) -> None:
        """What `step` returned is in the database; else how far events are followed goes with the next."""
        self._is_changed = not is_stored

    def _take(
        self, connection: sqlite3.Connection, change: StoredChange, now: Moment, plan: DeliveryPlan
    ) -> None:
        loaded = load_event(connection, change.event)
        if loaded is None:  # deleted since: withdrawn, or with its UPS or node
            self._followed.pop(change.event, None)
        elif change.is_end:
            self._take_end(connection, change, loaded[0], now)
        else:
            self._take_begin(connection, change, now, plan)

    def _take_begin(
        self, connection: sqlite3.Connection, change: StoredChange, now: Moment, plan: DeliveryPlan
    ) -> None:
        age_s = 0.0 if self._feed.is_live else max(0.0, now.wall - change.at)
        rows = self._rows_of(connection, change.event)
        row = PendingEvent(change.event, next_round(rows), change.at, now.boot_id, now.boottime - age_s)
        expired = [_reopened(one) if _can_be_withdrawn(one) else one for one in rows]
        plan.changed += [one for one in expired if one not in rows]
        self._followed[change.event] = follow(row, expired, age_s > LATE_S)

    def _take_end(
        self, connection: sqlite3.Connection, change: StoredChange, event: AlertEvent, now: Moment
    ) -> None:
        followed, is_live = self._followed.get(change.event), self._feed.is_live
        if followed is None:
            rows = self._rows_of(connection, change.event)
            if not any(row.kind is DeliveryKind.BEGIN for row in rows):
                return  # it began before alerts did, or no rule names it
            row = PendingEvent(change.event, newest_round(rows), change.at, now.boot_id, now.boottime)
            followed = self._followed[change.event] = follow(row, rows)
            followed.is_late = not is_live and now.wall - change.at > LATE_S
            followed.end(0.0)
        elif followed.row.begun_at == change.at and self._feed.is_of_the_past(change, event):
            del self._followed[change.event]
        else:
            followed.end(length_s(change, event, followed.row, now, is_live))

    def _due(self, connection: sqlite3.Connection, now: Moment) -> Iterator[PlannedMessage]:
        """What is to be sent now of all events that are followed."""
        ready = list(self._ready(connection, now))
        if not ready:
            return
        is_believed = clock_is_believed(connection)
        if self._feed.is_live:
            ready = _without_waiting(connection, ready, now)
        for followed, event, due in ready:
            yield from self._planned(connection, followed, event, due, now, is_believed)

    def _ready(self, connection: sqlite3.Connection, now: Moment) -> Iterator[Due]:
        """The events of which something may be due now; those that were deleted are forgotten."""
        for followed in [one for one in self._followed.values() if one.due_at <= now.boottime]:
            loaded = load_event(connection, followed.row.event)
            if loaded is None:
                del self._followed[followed.row.event]
                self._is_changed = True
            else:
                yield followed, loaded[0], followed.due(loaded[0], self._targets, self._choose, now)

    def _planned(
        self,
        connection: sqlite3.Connection,
        followed: FollowedEvent,
        event: AlertEvent,
        due: Iterable[DueMessage],
        now: Moment,
        is_believed: bool,
    ) -> Iterator[PlannedMessage]:
        for one in due:
            rule, number = one.choice.rule, followed.row.number
            is_end = one.kind is DeliveryKind.END
            mute = (
                BEGIN_MUTED
                if is_end and followed.begun.get(one.target)
                else _mute_of(connection, event, rule)
            )
            hold = find_hold(
                self._alerts, one.choice, event.severity, now.wall, is_believed, self._site.timezone
            )
            if hold == NO_HOLD and followed.is_late:
                hold = (now.wall, LATE)
            followed.told(one, bool(mute))
            yield PlannedMessage(event, one.target, one.kind, number, rule, mute, NO_HOLD if mute else hold)
        if followed.due_at == float("inf"):
            self._followed.pop(followed.row.event, None)

    def _choose(self, event: AlertEvent, target: str) -> RuleChoice | None:
        return choose(self._alerts, event, target)

    def _rows_of(self, connection: sqlite3.Connection, event: int) -> list[Delivery]:
        """The deliveries of an event in order, those that wait to be stored as they are to be."""
        unsaved = self._known(event)
        keys = {row.key for row in unsaved}
        rows = [*(row for row in store.of_event(connection, event) if row.key not in keys), *unsaved]
        return sorted(rows, key=lambda row: (row.id < 0, abs(row.id)))


def _without_waiting(connection: sqlite3.Connection, ready: list[Due], now: Moment) -> list[Due]:
    """Leave out outages that wait for others, and what is due of later events: the order is kept."""
    for has_ended in (False, True):
        outages = [
            followed
            for followed, event, due in ready
            if due and event.event == OUTAGE and followed.has_ended is has_ended
        ]
        if outages and wait_for_others(connection, outages, now):
            first = min(followed.row.event for followed in outages)
            later = [one for one in ready if one[2] and one[0].row.event >= first]
            for followed, _, _ in later:
                followed.due_at = now.boottime
            ready = [one for one in ready if one not in later]
    return ready


def _mute_of(connection: sqlite3.Connection, event: AlertEvent, rule: str) -> str:
    """Why what a rule sends of an event is muted, '' where it is not."""
    mute = find_mute(active_mutes(connection), event, rule)
    return "" if mute is None else f"muted: {mute.scope}"


def _can_be_withdrawn(delivery: Delivery) -> bool:
    """Whether it is the end of an event that goes on, and was not sent nor joined to others."""
    is_waiting = delivery.state is DeliveryState.QUEUED and delivery.digest is None and delivery.id > 0
    return delivery.kind is DeliveryKind.END and is_waiting and not delivery.attempts


def _reopened(delivery: Delivery) -> Delivery:
    return replace(delivery, state=DeliveryState.EXPIRED, reason=REOPENED)
