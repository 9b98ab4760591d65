"""Which nodes of a rollout are next: one first, the others when it has proven the image. Pure.

A rollout is a set of updates to one firmware. All are stored at once; those that wait for their turn are not
yet given to the OtaServer, so that nothing is offered to their nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ota.settings import RolloutSettings
from ota.update import CANCELLED, CONFIRMED, FAILED

WAITING = "waiting"


@dataclass(frozen=True)
class Member:
    """One node of a rollout. `state` is WAITING or that of its update; times are Unix seconds."""

    update: int  # ota_updates.id
    node: int  # nodes.id
    state: str
    reason: str = ""
    finished_at: float | None = None
    heard_at: float | None = None


@dataclass(frozen=True)
class Plan:
    """What to do now: open the updates in `start`, or cancel all that wait for the reason in `stop`."""

    start: tuple[int, ...] = ()  # ota_updates.id
    stop: str | None = None
    waits_for: str = ""


def next_steps(members: Sequence[Member], settings: RolloutSettings) -> Plan:
    """Return the Plan for members in the order in which they are to be updated."""
    waiting = [member for member in members if member.state == WAITING]
    failed = [member for member in members if member.state == FAILED]
    if not waiting:
        return Plan()
    if len(failed) >= settings.failures:
        return Plan(
            stop=f"the rollout stopped: the update of node {failed[0].node} failed ({failed[0].reason})"
        )
    proven = sum(is_proven(member, settings) for member in members)
    pending = [member for member in members if is_pending(member, settings)]
    room = settings.at_once if proven >= settings.first else settings.first - proven
    start = tuple(member.update for member in waiting[: max(0, room - len(pending))])
    return Plan(start, waits_for=next_event(pending) if pending and not start else "")


def is_proven(member: Member, settings: RolloutSettings) -> bool:
    """True when the node runs the image and has been heard `settle_s` after its confirmation."""
    return (
        member.state == CONFIRMED
        and member.heard_at is not None
        and member.heard_at >= (member.finished_at or 0) + settings.settle_s
    )


def is_pending(member: Member, settings: RolloutSettings) -> bool:
    """True when the update was started and has neither ended nor proven the image."""
    return member.state not in (WAITING, FAILED, CANCELLED) and not is_proven(member, settings)


def next_event(pending: Sequence[Member]) -> str:
    """What the rollout waits for: a confirmed node to be heard again, else a confirmation."""
    for member in pending:
        if member.state == CONFIRMED:
            return f"node {member.node} to be heard again"
    return f"node {pending[0].node} to be confirmed"
