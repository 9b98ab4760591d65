"""What is sent, and would be sent, of the events that go on: to whom, when, or why not."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from ingest.clock.belief import clock_is_believed
from ingest.config.alerts import Alerts
from ingest.config.model import Config
from ingest.db.durations import format_duration
from ingest.severity import Severity
from outbound.alerts import store
from outbound.alerts.delivery import BY_RULE, Delivery
from outbound.alerts.feed import load_event
from outbound.alerts.holds import find_hold
from outbound.alerts.model import AlertEvent, DeliveryKind, DeliveryState
from outbound.alerts.mutes import Mute, active_mutes, find_mute
from outbound.alerts.planner import choose
from outbound.alerts.rules import RuleChoice

MOST = 50  # events that go on, the newest first
OPEN = "select id from events where ended_at is null order by id desc limit ?"


@dataclass(frozen=True)
class Circumstances:
    """What a message would meet now; `now` is unix seconds."""

    alerts: Alerts
    mutes: Sequence[Mute]
    is_believed: bool
    timezone: str
    now: float

    @classmethod
    def read(cls, connection: sqlite3.Connection, config: Config, now: float) -> "Circumstances":
        """Those of a database. Only reads."""
        mutes, is_believed = active_mutes(connection), clock_is_believed(connection)
        return cls(config.alerts or Alerts(), mutes, is_believed, config.timezone, now)

    def hold_text(self, choice: RuleChoice, severity: Severity) -> str:
        """What keeps a message back: `held until 07:00 by the quiet hours`, `in the digest at 08:00`; ''."""
        until, why = find_hold(self.alerts, choice, severity, self.now, self.is_believed, self.timezone)
        if until is None:
            return ""
        at = datetime.fromtimestamp(until, ZoneInfo(self.timezone)).strftime("%H:%M")
        return f"in the digest at {at}" if why == BY_RULE else f"held until {at} by the quiet hours"


@dataclass(frozen=True)
class Recipient:
    """A target of an event, and what becomes of its message there; `delivery` where there is one."""

    target: str
    rule: str
    text: str
    delivery: Delivery | None = None


@dataclass(frozen=True)
class OpenAlert:
    """An event that goes on, and who gets it; nobody where no rule names it."""

    event: AlertEvent
    recipients: Sequence[Recipient] = field(default_factory=tuple)


def read_outlook(connection: sqlite3.Connection, config: Config, now: float) -> list[OpenAlert]:
    """The events that go on, the newest first; `now` is unix seconds. Only reads."""
    around = Circumstances.read(connection, config, now)
    ids = [row[0] for row in connection.execute(OPEN, (MOST,))]
    found = (load_event(connection, number) for number in ids)
    return [OpenAlert(one[0], _recipients(connection, one[0], around)) for one in found if one is not None]


def _recipients(connection: sqlite3.Connection, event: AlertEvent, around: Circumstances) -> list[Recipient]:
    stored = {
        row.target: row
        for row in (store.of_event(connection, event.id) if event.id is not None else [])
        if row.kind is DeliveryKind.BEGIN
    }
    recipients = []
    for target in around.alerts.targets:
        choice, delivery = choose(around.alerts, event, target.name), stored.get(target.name)
        if delivery is not None:
            recipients.append(Recipient(target.name, delivery.rule, _stored_text(delivery), delivery))
        elif choice is not None:
            recipients.append(Recipient(target.name, choice.rule, _planned_text(event, choice, around)))
    return recipients


def _stored_text(delivery: Delivery) -> str:
    if delivery.state is DeliveryState.QUEUED and delivery.held_until is not None:
        return "held back"
    return str(delivery.state)


def _planned_text(event: AlertEvent, choice: RuleChoice, around: Circumstances) -> str:
    mute = find_mute(around.mutes, event, choice.rule)
    if mute is not None:
        return f"muted, as {mute.scope} is"
    if (left := choice.after_s - (around.now - event.started_at)) > 0:
        return f"in {format_duration(left)}, if it goes on"
    return around.hold_text(choice, event.severity) or "not sent: it began before alerts did"
