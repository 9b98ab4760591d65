"""Whether ingest records, from what its processes leave beside the database. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ingest.db.problems import Kind, Problem
from ingest.pipeline.heartbeat import Heartbeat
from outbound.host.condition import HostCondition, Key

DIED_S = 20.0  # `up` and systemd start it again within a few seconds
STOPPED_S = 300.0  # so long it may be stopped on purpose, for an upgrade
LOCKED_S = 10.0  # a lock that is held so long
NAME, DATABASE = "ingest", "database"
KINDS = frozenset(Kind)
EVENT_OF = {Kind.FULL: "DISK_LOW", Kind.DAMAGED: "DATABASE_DAMAGED"}


@dataclass(frozen=True)
class UnreadSource:
    """A source of the config that no process has locked, for so many seconds as far as is known."""

    name: str
    seconds: float


def check_ingest(
    sources: Sequence[str],
    heartbeats: Collection[Heartbeat],
    unread: Iterable[UnreadSource],
    now: float,
) -> list[HostCondition]:
    """INGEST_DOWN where sources are not read: their process hangs, died, or was stopped for long.

    `unread` are the sources without a lock; `now` is unix seconds.
    """
    free = {one.name: one.seconds for one in unread}
    found: dict[str, list[str]] = {}  # why -> sources
    since = now
    for name in sources:
        last = min(
            (one for one in heartbeats if name in one.sources), key=lambda one: one.age_s, default=None
        )
        why = _fault(last, free.get(name))
        if why:
            found.setdefault(why, []).append(name)
            since = min(since, now - (free.get(name, 0.0) if last is None else last.age_s))
    if not found:
        return []
    parts = [
        why if len(names) == len(sources) else f"{', '.join(names)}: {why}" for why, names in found.items()
    ]
    return [HostCondition("INGEST_DOWN", NAME, "; ".join(parts), NAME, since)]


def _fault(last: Heartbeat | None, free_s: float | None) -> str:
    """Why a source is not read, '' where it is, or may soon be; `free_s`: without a lock for so long."""
    if free_s is None:  # a process reads it
        is_late = last is not None and not last.stopped and not last.is_alive
        return "ingest stands still: end its process, it is started again" if is_late else ""
    if last is not None and last.stopped and not last.problem:
        return "ingest was stopped and not started again" if min(last.age_s, free_s) >= STOPPED_S else ""
    if free_s < DIED_S:
        return ""
    if last is None:
        return "ingest does not run: `voltkeeper up` starts it"
    return f"ingest ended{f': {last.problem}' if last.problem else ''}, and does not come back"


def check_problems(
    heartbeats: Iterable[Heartbeat], own: Problem | None, own_s: float, now: float
) -> list[HostCondition]:
    """What keeps the database from being written: as ingest says, else as this process has seen for `own_s`.

    `now` is unix seconds.
    """
    found: dict[Key, HostCondition] = {}
    for one in heartbeats:
        if one.problem and one.is_alive:
            seconds = one.problem_s + one.age_s
            kind = Kind(one.kind) if one.kind in KINDS else Kind.OTHER  # of another version
            condition = _of_problem(kind, one.problem, seconds, now)
            if condition is not None:
                found.setdefault(condition.key, condition)
    if own is not None:
        condition = _of_problem(own.kind, str(own), own_s, now)
        if condition is not None:
            found.setdefault(condition.key, condition)
    return list(found.values())


def _of_problem(kind: Kind, text: str, seconds: float, now: float) -> HostCondition | None:
    if kind is Kind.LOCKED and seconds < LOCKED_S:
        return None
    if kind is Kind.GONE:
        return None  # `database.replaced` tells that
    if kind in EVENT_OF:
        return HostCondition(
            EVENT_OF[kind], "", text, "disk" if kind is Kind.FULL else DATABASE, now - seconds
        )
    return HostCondition("INGEST_DOWN", DATABASE, text, DATABASE, now - seconds)
