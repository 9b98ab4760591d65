"""An event on its way to the targets: what each was told of it, and what is due. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ingest.db.moment import Moment
from outbound.alerts.delivery import Delivery
from outbound.alerts.feed import StoredChange
from outbound.alerts.kinds import event_kind
from outbound.alerts.model import AlertEvent, DeliveryKind, DeliveryState
from outbound.alerts.rules import RuleChoice
from outbound.alerts.store import PendingEvent

STEP_S = 2.0  # two clocks that differ by more: one of them was set
REOPENED = "it went on before this was sent"

Chooser = Callable[[AlertEvent, str], RuleChoice | None]


class DueMessage(NamedTuple):
    """The begin or the end of an event is to be sent to a target."""

    target: str
    kind: DeliveryKind
    choice: RuleChoice


@dataclass
class FollowedEvent:
    """An event that is not yet sent to every target that a rule names.

    `begun` and `ended` are the targets that were told of this round, the former with whether it was muted. A
    round begins when the event goes on after its end. `is_late`: what happened is known only after a pause.
    `due_at` (CLOCK_BOOTTIME) is when to look at it again.
    """

    row: PendingEvent
    begun: dict[str, bool] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    is_late: bool = False
    due_at: float = float("-inf")
    waits_until: float | None = None  # for other outages that begin or end with it

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self.row.ended_s is not None

    def lasts_s(self, now: Moment) -> float:
        """How long it lasts, or has lasted, in seconds."""
        if self.row.ended_s is not None:
            return self.row.ended_s
        if self.row.boot_id == now.boot_id:
            return now.boottime - self.row.boottime_s
        return max(0.0, now.wall - self.row.begun_at)

    def end(self, seconds: float) -> None:
        """It has ended, after so many seconds."""
        self.row = replace(self.row, ended_s=max(0.0, seconds))
        self.due_at, self.waits_until = float("-inf"), None

    def due(
        self, event: AlertEvent, targets: Iterable[str], choose: Chooser, now: Moment
    ) -> list[DueMessage]:
        """What is to be sent now; sets `due_at`, to infinity where nothing is left to wait for."""
        kind, lasts_s, found = event_kind(event.event), self.lasts_s(now), []
        self.due_at = float("inf")
        for target in targets:
            choice, is_told = choose(event, target), target in self.begun
            if choice is None:
                if not is_told:
                    continue
                choice = RuleChoice("", 0.0)  # the rules are others by now
            after_s = choice.after_s if kind.sends_end else 0.0
            if not is_told and lasts_s >= after_s:
                is_told = True
                found.append(DueMessage(target, DeliveryKind.BEGIN, choice))
            elif not is_told and not self.has_ended:
                self.due_at = min(self.due_at, now.boottime + after_s - lasts_s)
            if is_told and self.has_ended and kind.sends_end and target not in self.ended:
                found.append(DueMessage(target, DeliveryKind.END, choice))
        return found

    def told(self, due: DueMessage, is_muted: bool) -> None:
        """It is planned."""
        if due.kind is DeliveryKind.BEGIN:
            self.begun[due.target] = is_muted
        else:
            self.ended.add(due.target)


def length_s(change: StoredChange, event: AlertEvent, row: PendingEvent, now: Moment, is_live: bool) -> float:
    """How long an event lasted whose end is `change`, in seconds.

    By CLOCK_BOOTTIME where its begin and its end were seen as they came; the times of the rows are finer
    where the clock was not set meanwhile, and all there is of what happened during a pause.
    """
    if row.begun_at == change.at and event.ended_at is not None:  # it was stored with its end
        return event.ended_at - event.started_at
    by_wall = change.at - row.begun_at
    if not is_live or row.boot_id != now.boot_id:
        return by_wall
    seconds = now.boottime - row.boottime_s
    return by_wall if abs(by_wall - seconds) < STEP_S else seconds


def next_round(rows: Iterable[Delivery]) -> int:
    """The number of the round that begins now, from the deliveries of the event until now."""
    return max((row.number + 1 for row in rows if row.kind is DeliveryKind.END), default=0)


def newest_round(rows: Iterable[Delivery]) -> int:
    """The number of the newest round of which a target knows the begin."""
    numbers = [
        row.number + (row.reason == REOPENED)
        for row in rows
        if row.kind is DeliveryKind.BEGIN or row.reason == REOPENED
    ]
    return max(numbers, default=0)


def follow(row: PendingEvent, rows: Iterable[Delivery], is_late: bool = False) -> FollowedEvent:
    """The event of a row of `alert_pending`, with what its deliveries say that targets were told.

    A target that was never sent the end of the round before knows the begin of this one, too.
    """
    followed = FollowedEvent(row, is_late=is_late)
    for one in rows:
        is_muted = one.state is DeliveryState.MUTED
        if one.kind is DeliveryKind.BEGIN and one.number == row.number:
            followed.begun[one.target] = is_muted
        elif one.kind is DeliveryKind.REPEAT and one.target in followed.begun:
            followed.begun[one.target] = False  # told after all, when the mute was over
        elif one.kind is DeliveryKind.END and one.number == row.number:
            followed.ended.add(one.target)
        elif one.kind is DeliveryKind.END and one.number == row.number - 1 and one.reason == REOPENED:
            followed.begun[one.target] = is_muted
    return followed
