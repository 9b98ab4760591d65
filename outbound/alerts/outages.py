"""Outages of several UPSes at once: those that overlap come as one message.

One that begins, or ends, waits a moment for others that do so with it.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from ingest.db.moment import Moment
from outbound.alerts import store
from outbound.alerts.feed import load_event
from outbound.alerts.followed import FollowedEvent
from outbound.alerts.messages import AlertSite
from outbound.alerts.model import AlertEvent, DeliveryKind, DeliveryState
from outbound.alerts.plan import Group, PlannedMessage, compose, compose_group

OUTAGE = "ONBATT"
GROUP_S = 1.0  # for the others: UPSes of one server are read one after the other
OPEN = "select id from events where event = 'ONBATT' and ended_at is null order by id"
UPSES = "select count(*) from ups where configured = 1"


def wait_for_others(connection: sqlite3.Connection, outages: Sequence[FollowedEvent], now: Moment) -> bool:
    """Whether outages that all begin, or all end, wait for others that may do so, too."""
    if any(one.waits_until is not None and now.boottime >= one.waits_until for one in outages):
        return False
    going_on: int = connection.execute(f"select count(*) from ({OPEN})").fetchone()[0]
    upses: int = connection.execute(UPSES).fetchone()[0]
    may_join = going_on > 0 if outages[0].has_ended else going_on < upses
    for one in outages:
        one.waits_until = one.waits_until or now.boottime + GROUP_S
    return may_join


def compose_all(
    connection: sqlite3.Connection, planned: Iterable[PlannedMessage], now: float, site: AlertSite
) -> list[Group]:
    """The deliveries of messages, in the order in which things happened; overlapping outages as one message.

    `now` is unix seconds.
    """
    groups: list[Group] = []
    for together in _together(planned):
        first = together[0]
        if first.event.event != OUTAGE or not first.goes_now:
            groups += [[compose(one, now, site)] for one in together]
            continue
        others = [] if first.kind is DeliveryKind.END else _others(connection, first.target, together)
        if do_overlap([*others, *(one.event for one in together)], now):
            groups.append(compose_group(together, others, now, site))
        else:
            groups += [[compose(one, now, site)] for one in together]
    return groups


def _together(planned: Iterable[PlannedMessage]) -> list[list[PlannedMessage]]:
    """Messages in order, each by itself but for outages that overlap and follow each other."""
    found: list[list[PlannedMessage]] = []
    last: dict[str, list[PlannedMessage]] = {}  # of each target
    for one in sorted(planned, key=lambda one: (one.at, one.kind is DeliveryKind.END)):
        before = last.get(one.target)
        if before is not None and _do_join(before, one):
            before.append(one)
        else:
            last[one.target] = [one]
            found.append(last[one.target])
    return found


def _do_join(before: Sequence[PlannedMessage], one: PlannedMessage) -> bool:
    """Whether an outage is told together with those before it."""
    are_alike = all(other.event.event == OUTAGE and other.goes_now for other in (*before, one))
    events = [*(other.event for other in before), one.event]
    return are_alike and before[0].kind is one.kind and do_overlap(events, one.at)


def do_overlap(events: Sequence[AlertEvent], now: float) -> bool:
    """Whether outages were all at the same time once, each of another UPS. `now` is unix seconds."""
    first_end = min(now if one.ended_at is None else one.ended_at for one in events)
    are_different = len({one.name for one in events}) == len(events)
    return are_different and max(one.started_at for one in events) <= first_end


def _others(
    connection: sqlite3.Connection, target: str, planned: Sequence[PlannedMessage]
) -> list[AlertEvent]:
    """Outages that go on, and that the target was told of before."""
    own = {one.event.id for one in planned}
    found = []
    for (number,) in connection.execute(OPEN).fetchall():
        if number in own or not _was_told(connection, number, target):
            continue
        loaded = load_event(connection, number)
        if loaded is not None:
            found.append(loaded[0])
    return found


def _was_told(connection: sqlite3.Connection, event: int, target: str) -> bool:
    return any(
        row.target == target and row.kind is DeliveryKind.BEGIN and row.state is not DeliveryState.MUTED
        for row in store.of_event(connection, event)
    )
