"""What a target gets next: one message, or several as one digest. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from ingest.severity import Severity
from outbound.alerts.delivery import AT_ONCE, BY_RULE, LATE, QUIET, Delivery, new_delivery
from outbound.alerts.messages import ENTRIES, AlertSite, DigestEntry, DigestReason, digest_message
from outbound.alerts.model import DeliveryKind, DeliveryState
from outbound.alerts.storms import MOST, Pace

AWAY_S = 15.0  # a target that has failed for so long gets what waits as one message
ALONE = (*AT_ONCE, DeliveryKind.REPORT)  # never part of a digest
REASONS = {QUIET: DigestReason.QUIET, BY_RULE: DigestReason.RULE, LATE: DigestReason.AWAY}


@dataclass(frozen=True)
class NextMessage:
    """What is to be sent now. `why` is None where the first of `deliveries` goes as it is."""

    deliveries: tuple[Delivery, ...] = ()
    why: DigestReason | None = None
    pause_s: float | None = None  # nothing now: look again after so many seconds


def choose_next(
    waiting: Sequence[Delivery], is_uncertain: bool, away_s: float, pace: Pace, now: float
) -> NextMessage:
    """What is to be sent of what waits and is not held back, in its order.

    `is_uncertain`: the first was being sent when the process before ended: it is sent as it was. `away_s` is
    how long the target has failed, `now` is CLOCK_BOOTTIME.
    """
    if not waiting:
        return NextMessage()
    first = waiting[0]
    if is_uncertain or first.kind in ALONE:
        return NextMessage((first,))
    together = tuple(takewhile(lambda one: one.kind not in ALONE, waiting))[:ENTRIES]
    if first.held_why:
        held = tuple(takewhile(lambda one: one.held_why, together))
        if len(held) > 1 or first.held_why != LATE:
            return NextMessage(held, REASONS[first.held_why])
    if away_s >= AWAY_S and len(together) > 1:
        return NextMessage(together, DigestReason.AWAY)
    is_critical = any(one.severity is Severity.CRITICAL for one in together)
    if pause_s := pace.pause_s(now, is_critical):
        return NextMessage(pause_s=pause_s)
    if pace.recent(now) + len(together) > MOST and len(together) > 1:
        return NextMessage(together, DigestReason.STORM)
    return NextMessage((first,))


def compose_digest(
    deliveries: Sequence[Delivery],
    carried: Iterable[Delivery],
    why: DigestReason,
    now: float,
    site: AlertSite,
) -> Delivery:
    """The delivery that carries these. One of them that is a digest itself takes the others, and `carried`.

    `now` is unix seconds.
    """
    entries = [
        DigestEntry(one.created_at, one.title, one.severity, one.kind, one.event)
        for one in sorted((*carried, *deliveries), key=lambda one: one.created_at)
        if one.kind is not DeliveryKind.DIGEST
    ]
    message = digest_message(entries, why, now, site)
    own = next((one for one in deliveries if one.kind is DeliveryKind.DIGEST), None)
    if own is None:
        own = new_delivery(message, deliveries[0].target, now, rule=deliveries[0].rule)
    return replace(own.with_message(message), state=DeliveryState.QUEUED)
