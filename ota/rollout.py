"""Which nodes of a rollout are next: one first, the others when it runs the image and is heard again. Pure.

A rollout is a set of updates to one firmware. All are stored at once; those that wait for their turn are not yet given
to the OtaServer, so that nothing is offered to their nodes.
"""

from dataclasses import dataclass

from ota.update import CANCELLED, CONFIRMED, FAILED

WAITING = "waiting"


@dataclass(frozen=True)
class RolloutSettings:
    """`first` nodes prove the image, then `at_once` go at a time; `failures` end the rollout."""

    first: int = 1
    at_once: int = 1
    failures: int = 1
    settle_s: float = 30  # a confirmed node counts when it is heard so long after its confirmation, or later


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
    """What to do now: open the updates in `start`; where `stop` says why, cancel all that wait with these words."""

    start: tuple = ()
    stop: str | None = None
    waits_for: str = ""
    done: bool = False


def next_steps(members, settings=RolloutSettings()):
    """The Plan for members in the order in which they are to be updated."""
    waiting = [m for m in members if m.state == WAITING]
    failed = [m for m in members if m.state == FAILED]
    if not waiting:
        open_ones = [m for m in members if m.state not in (CONFIRMED, FAILED, CANCELLED)]
        return Plan(done=not open_ones, waits_for=f"{len(open_ones)} nodes to finish" if open_ones else "")
    if len(failed) >= settings.failures:
        return Plan(
            stop=f"the rollout stopped: the update of node {failed[0].node} failed ({failed[0].reason})"
        )
    good = [m for m in members if m.state == CONFIRMED and is_heard_again(m, settings)]
    unsure = [m for m in members if m.state not in (WAITING, FAILED, CANCELLED) and m not in good]
    room = settings.at_once if len(good) >= settings.first else settings.first - len(good)
    start = tuple(m.update for m in waiting[: max(0, room - len(unsure))])
    if start:
        return Plan(start=start)
    silent = [m for m in unsure if m.state == CONFIRMED]
    if silent:
        return Plan(waits_for=f"node {silent[0].node} to be heard again")
    return Plan(waits_for=f"node {unsure[0].node} to be confirmed" if unsure else "")


def is_heard_again(member, settings):
    """True when a confirmed node has been heard `settle_s` after its confirmation."""
    return member.heard_at is not None and member.heard_at >= (member.finished_at or 0) + settings.settle_s
