"""What is to be stored and sent: groups of deliveries, and how far events are followed."""

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from outbound.alerts import store
from outbound.alerts.delivery import Delivery, new_delivery
from outbound.alerts.holds import NO_HOLD, Hold
from outbound.alerts.messages import AlertSite, begin_message, end_message, group_message
from outbound.alerts.model import AlertEvent, AlertMessage, DeliveryKind, DeliveryState
from outbound.alerts.store import PendingEvent

log = logging.getLogger(__name__)

Group = list[Delivery]  # the first one's message carries the others


@dataclass
class DeliveryPlan:
    """What follows from what was read, to be stored in one transaction.

    `changed` are deliveries that are stored already; `pending` and `cursor` (sequence, imports) are None
    where they are as they were.
    """

    groups: list[Group] = field(default_factory=list)
    changed: list[Delivery] = field(default_factory=list)
    pending: list[PendingEvent] | None = None
    cursor: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return bool(self.groups or self.changed) or self.pending is not None or self.cursor is not None


@dataclass(frozen=True)
class PlannedMessage:
    """The begin or the end of an event for a target, before it is put into words."""

    event: AlertEvent
    target: str
    kind: DeliveryKind
    number: int
    rule: str
    mute: str = ""  # why it is muted
    hold: Hold = NO_HOLD

    @property
    def at(self) -> float:
        """When it happened, in unix seconds."""
        if self.kind is DeliveryKind.END and self.event.ended_at is not None:
            return self.event.ended_at
        return self.event.started_at

    @property
    def goes_now(self) -> bool:
        """Whether it is neither muted nor held."""
        return not self.mute and self.hold == NO_HOLD


def compose(planned: PlannedMessage, now: float, site: AlertSite) -> Delivery:
    """The delivery of one event; `now` in unix seconds is when it is made."""
    until, why = planned.hold
    return new_delivery(
        _message(planned, now, site),
        planned.target,
        now,
        event=planned.event.id,
        number=planned.number,
        rule=planned.rule,
        state=DeliveryState.MUTED if planned.mute else DeliveryState.QUEUED,
        reason=planned.mute,
        held_until=until,
        held_why=why,
    )


def _message(planned: PlannedMessage, now: float, site: AlertSite) -> AlertMessage:
    """The message; a bare one where an event has what no message can be made of."""
    event, kind = planned.event, planned.kind
    try:
        make = end_message if kind is DeliveryKind.END else begin_message
        return make(event, now, site)
    except Exception:
        log.exception("The event %s of %s cannot be put into words", event.event, event.name)
        title = f"{event.label or event.name}: {event.event} {'ended' if kind is DeliveryKind.END else ''}"
        return AlertMessage(
            title.strip(), f"{site.base_url}{event.href}", event.severity, kind, event.event, event.name
        )


def compose_group(
    planned: Sequence[PlannedMessage], others: Sequence[AlertEvent], now: float, site: AlertSite
) -> Group:
    """One message of outages of several UPSes; `others` go on as well, and the target was told of them."""
    group = [compose(one, now, site) for one in planned]
    events = [*others, *(one.event for one in planned)]
    if len(events) > 1:
        message = group_message(events, planned[0].kind, now, site)
        carrier = group[0].with_message(message)
        group[0] = replace(carrier, event_name=planned[0].event.event, name=planned[0].event.name)
    return group


def save_plan(connection: sqlite3.Connection, plan: DeliveryPlan) -> None:
    """Store what was planned, inside a transaction."""
    for first, *others in plan.groups:
        carrier = store.insert(connection, first)
        for other in others:
            store.insert(connection, replace(other, digest=None if carrier is None else carrier.id))
    for delivery in plan.changed:
        store.update(connection, delivery)
    if plan.pending is not None:
        store.save_pending(connection, plan.pending)
    if plan.cursor is not None:
        store.save_cursor(connection, *plan.cursor)
    if plan.groups or plan.changed:
        store.raise_topic(connection)
