"""Events that cannot be stored: what is wrong with the database itself. They are planned from memory."""

from collections.abc import Iterable

from ingest.config.alerts import Alerts
from outbound.alerts.delivery import Delivery
from outbound.alerts.holds import find_hold
from outbound.alerts.kinds import event_kind
from outbound.alerts.messages import AlertSite
from outbound.alerts.model import AlertEvent, DeliveryKind
from outbound.alerts.plan import Group, PlannedMessage, compose
from outbound.alerts.planner import choose

KEPT = 1000  # events that are remembered for their ends


class UnstoredEvents:
    """Which targets were told of each event."""

    def __init__(self, alerts: Alerts, site: AlertSite) -> None:
        self._alerts, self._site = alerts, site
        self._told: dict[tuple[str, str], set[str]] = {}

    def go_on(self, deliveries: Iterable[Delivery]) -> None:
        """Remember what the process before told: deliveries of the spool, oldest first."""
        for one in deliveries:
            told = self._told.setdefault((one.event_name, one.name), set())
            if one.kind is DeliveryKind.BEGIN:
                told.add(one.target)
            elif one.kind is DeliveryKind.END:
                told.discard(one.target)

    def plan(self, event: AlertEvent, now: float, is_believed: bool) -> list[Group]:
        """The deliveries of an event's begin, or of its end where it has ended. `now` is unix seconds."""
        key = event.event, event.name
        has_ended = event.ended_at is not None
        told = self._told.pop(key, set()) if has_ended else self._told.setdefault(key, set())
        while len(self._told) > KEPT:
            self._told.pop(next(iter(self._told)))
        groups: list[Group] = []
        for target in self._alerts.targets:
            choice = choose(self._alerts, event, target.name)
            if choice is None or has_ended is not (target.name in told):
                continue
            told.add(target.name)
            if has_ended and not event_kind(event.event).sends_end:
                continue
            kind = DeliveryKind.END if has_ended else DeliveryKind.BEGIN
            hold = find_hold(self._alerts, choice, event.severity, now, is_believed, self._site.timezone)
            planned = PlannedMessage(event, target.name, kind, 0, choice.rule, "", hold)
            groups.append([compose(planned, now, self._site)])
        return groups
