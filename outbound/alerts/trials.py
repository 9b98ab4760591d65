"""Tests and rehearsals in the queue: `voltkeeper outbound` sends them as it sends alerts."""

import sqlite3
from collections.abc import Sequence

from ingest.config.alerts import Alerts
from ingest.config.model import Config
from ingest.nearest import nearest
from outbound.alerts import store
from outbound.alerts.delivery import NOBODY_WAITS, UNSENT, Delivery, new_delivery
from outbound.alerts.messages import test_message
from outbound.alerts.model import DeliveryState
from outbound.alerts.played_events import RehearsalError
from outbound.alerts.site import alert_site
from outbound.sending_lock import is_sending

ARRIVED = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
NO_TARGETS = "No targets are configured: name them in config.yml, alerts: {targets: [...]}"
NOT_RUNNING = (
    "`voltkeeper outbound` is not running, so nothing is sent: `voltkeeper up` starts it, or its systemd unit"
)
GIVE_UP = "update deliveries set state = 'expired', reason = ? where id = ? and state = 'queued'"


def require_sending(config: Config) -> None:
    """Raise RehearsalError where nothing would be sent: no target is configured, or nothing sends."""
    if not (config.alerts and config.alerts.targets):
        raise RehearsalError(NO_TARGETS)
    if not is_sending(config.database):
        raise RehearsalError(NOT_RUNNING)


def queue_test(connection: sqlite3.Connection, config: Config, target: str, now: float) -> int:
    """Queue a test message to a target, inside a transaction; `now` is unix seconds.

    Returns its `deliveries.id`. Raises RehearsalError where there is no such target.
    """
    names = [one.name for one in (config.alerts or Alerts()).targets]
    if target not in names:
        known = nearest(target, names) if names else NO_TARGETS
        raise RehearsalError(f"target is {target!r}: there is no such target; {known}", "target")
    message = test_message(target, now, alert_site(config))
    stored = store.insert(connection, new_delivery(message, target, now))
    store.raise_topic(connection)
    assert stored is not None
    return stored.id


def give_up(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Do not send those of them that still wait: nobody looks for the result any more."""
    connection.executemany(GIVE_UP, [(NOBODY_WAITS, number) for number in ids])
    store.raise_topic(connection)


def is_over(deliveries: Sequence[Delivery]) -> bool:
    """Whether each of them was sent, or was not."""
    return all(one.state not in UNSENT for one in deliveries)


def has_arrived(delivery: Delivery) -> bool:
    """Whether its service took it."""
    return delivery.state in ARRIVED


def describe_outcome(delivery: Delivery) -> str:
    """What became of a message: `arrived: HTTP 200`, `failed: HTTP 500`."""
    if has_arrived(delivery):
        return f"arrived: {delivery.reason}" if delivery.reason else "arrived"
    if delivery.state in UNSENT:
        return f"no answer yet{f': {delivery.reason}' if delivery.reason else ''}"
    return f"{delivery.state}: {delivery.reason}"


def summarize(deliveries: Sequence[Delivery]) -> str:
    """One sentence: how many arrived, and what became of the others, each reason of a target once."""
    arrived = sum(has_arrived(one) for one in deliveries)
    others = (one for one in deliveries if not has_arrived(one))
    lost = dict.fromkeys(f"{one.target} {describe_outcome(one)}" for one in others)
    total = f"{arrived} of {len(deliveries)} messages arrived"
    return f"{total}. {'; '.join(lost)}" if lost else total
