"""Rehearsals: what rules would send of played events goes through the real queue to the real targets.

They are sent at once, since nobody learns anything from a message of tomorrow: what would hold a real one
back, a mute, quiet hours or a digest, stands in the text.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.config.model import Config
from ingest.db.durations import format_duration
from outbound.alerts import store
from outbound.alerts.delivery import Delivery, new_delivery
from outbound.alerts.kinds import event_kind
from outbound.alerts.messages import (
    REHEARSAL,
    AlertSite,
    DigestEntry,
    DigestReason,
    begin_message,
    digest_message,
    end_message,
    mark_rehearsal,
)
from outbound.alerts.model import AlertMessage
from outbound.alerts.mutes import find_mute
from outbound.alerts.outlook import Circumstances
from outbound.alerts.planner import choose
from outbound.alerts.played_events import PlayedEvent
from outbound.alerts.rules import RuleChoice
from outbound.alerts.site import alert_site
from outbound.alerts.storms import MOST


@dataclass(frozen=True)
class RehearsedMessage:
    """A message to a target; `as_real` is the same without its mark."""

    target: str
    rule: str
    message: AlertMessage
    as_real: AlertMessage


@dataclass(frozen=True)
class Rehearsal:
    """What is sent, in order, and what no rule sends: (title of the message, target)."""

    messages: Sequence[RehearsedMessage]
    unsent: Sequence[tuple[str, str]]


def plan_rehearsal(
    connection: sqlite3.Connection, config: Config, played: Sequence[PlayedEvent], now: float
) -> Rehearsal:
    """What rules send of the played events to each target; `now` is unix seconds. Only reads."""
    site, around = alert_site(config), Circumstances.read(connection, config, now)
    messages: list[RehearsedMessage] = []
    unsent: list[tuple[str, str]] = []
    for one in played:
        if one.is_end and not event_kind(one.event.event).sends_end:
            continue
        message = (end_message if one.is_end else begin_message)(one.event, now, site)
        for target in around.alerts.targets:
            choice = choose(around.alerts, one.event, target.name)
            if choice is None:
                unsent.append((message.title, target.name))
            else:
                marked = _marked(message, _differences(one, choice, around))
                messages.append(RehearsedMessage(target.name, choice.rule, marked, message))
    return Rehearsal(messages, unsent)


def queue_rehearsal(
    connection: sqlite3.Connection, config: Config, rehearsal: Rehearsal, now: float
) -> list[int]:
    """Queue its messages, inside a transaction; returns their `deliveries.id`.

    More than MOST to one target are a storm: the last of them go in one digest, as they would.
    """
    ids: list[int] = []
    for target in dict.fromkeys(one.target for one in rehearsal.messages):
        own = [one for one in rehearsal.messages if one.target == target]
        alone, together = (own, []) if len(own) <= MOST else (own[: MOST - 1], own[MOST - 1 :])
        ids += [_insert(connection, _delivery(one, now)) for one in alone]
        if together:
            carrier = _insert(connection, _digest(together, now, alert_site(config)))
            ids.append(carrier)
            ids += [_insert(connection, replace(_delivery(one, now), digest=carrier)) for one in together]
    store.raise_topic(connection)
    return ids


def _differences(played: PlayedEvent, choice: RuleChoice, around: Circumstances) -> list[str]:
    """In what a real message would differ from the rehearsed one, as parts of a sentence."""
    event, parts = played.event, []
    mute = find_mute(around.mutes, event, choice.rule)
    if mute is not None:
        return [f"not be sent, since {mute.scope} is muted"]
    if choice.after_s and not played.is_end:
        parts.append(f"be sent when it has gone on for {format_duration(choice.after_s)}")
    if hold := around.hold_text(choice, event.severity):
        parts.append(f"be {hold}")
    return parts


def _marked(message: AlertMessage, differences: Sequence[str]) -> AlertMessage:
    marked = mark_rehearsal(message)
    if not differences:
        return marked
    first, _, rest = marked.text.partition("\n")
    return replace(marked, text=f"{first}\nA real one would {' and '.join(differences)}.\n{rest}")


def _digest(together: Sequence[RehearsedMessage], now: float, site: AlertSite) -> Delivery:
    entries = [DigestEntry(now, one.as_real.title, one.as_real.severity) for one in together]
    message = mark_rehearsal(digest_message(entries, DigestReason.STORM, now, site))
    assert REHEARSAL in message.title
    return new_delivery(message, together[0].target, now)


def _delivery(one: RehearsedMessage, now: float) -> Delivery:
    return new_delivery(one.message, one.target, now, rule=one.rule)


def _insert(connection: sqlite3.Connection, delivery: Delivery) -> int:
    stored = store.insert(connection, delivery)
    assert stored is not None  # only deliveries of one event are unique
    return stored.id
