"""What the database itself says of the machine: jobs, ids, strange messages, rollouts, the clock."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from ingest.clock.belief import read_belief
from ingest.config.backup import Backup
from ingest.db.durations import format_duration
from ingest.db.time import format_utc, parse_utc
from ingest.mysensors.framing import CUT_OFF, FIRST_LINE
from ingest.schema.maintenance import DAMAGED
from ingest.severity import Severity
from outbound.host.condition import HostCondition

DAY_S = 86_400.0
LATE_BACKUP_S = 3 * DAY_S
NEWEST = 1000  # rows of a growing table that are looked at, newest first
STOPPED = "the rollout stopped"  # how the reason of its members begins (`ota.rollout`)

JOBS = """select name, outcome, detail, ended_at, paused_at is not null from chores
where name in ('backup', 'quick_check', 'check')"""
IDS = "select gateway, name, text from gateway_ids where severity <> ?"
STRANGE = f"""
select g.id, s.source, sum(s.is_line = 0), sum(s.is_line), min(s.at), max(s.at), s.reason
from (
  select g.name as source, o.at, 0 as is_line, o.reason
    from (select * from oddities order by id desc limit {NEWEST}) o
    join nodes n on n.id = o.node join gateways g on g.id = n.gateway
    where o.at > :since and n.retired_at is null
  union all
  select r.source, r.received_at, 1, r.reason from (select * from rejects order by id desc limit {NEWEST}) r
    where r.received_at > :since and r.reason not in ('{CUT_OFF}', '{FIRST_LINE}')
) s left join gateways g on g.name = s.source
group by s.source"""
ROLLOUTS = """select rollout, count(*), max(reason), max(finished_at) from ota_updates
where rollout is not null and state = 'cancelled' and reason like ? and finished_at > ?
group by rollout"""
TOLD = "select figures ->> '$.rollout' from events where event = 'ROLLOUT_STOPPED' order by id desc limit 100"
STORED_EVENTS = (
    "BACKUP_FAILED",
    "DATABASE_DAMAGED",
    "IDS_SHORT",
    "STRANGE_MESSAGES",
    "ROLLOUT_STOPPED",
    "CLOCK_SUSPECT",
)


class JobOutcome(NamedTuple):
    """The last run of a maintenance job; `ended_at` is UTC text, `is_paused` is 1 where a user paused it."""

    name: str
    outcome: str
    detail: str
    ended_at: str | None
    is_paused: int = 0


class StrangeSource(NamedTuple):
    """What a source sent within a day that is strange or cannot be read; times are UTC text."""

    gateway: int | None
    source: str
    messages: int
    lines: int
    first_at: str
    last_at: str
    last: str = ""  # why the last of them is


class StoppedRollout(NamedTuple):
    """A rollout whose waiting members were cancelled; `at` is UTC text."""

    rollout: int
    members: int
    reason: str
    at: str


def read_stored(connection: sqlite3.Connection, backup: Backup, now: float) -> list[HostCondition]:
    """All conditions of STORED_EVENTS that stand at `now` (unix seconds). Raises sqlite3.Error."""
    belief = read_belief(connection)
    jobs = [JobOutcome(*row) for row in connection.execute(JOBS)]
    since = format_utc(now - DAY_S)
    strange = [StrangeSource(*row) for row in connection.execute(STRANGE, {"since": since})]
    rollouts = [StoppedRollout(*row) for row in connection.execute(ROLLOUTS, (f"{STOPPED}%", since))]
    told = {int(number) for (number,) in connection.execute(TOLD) if number is not None}
    ids = connection.execute(IDS, (Severity.OK,)).fetchall()
    return [
        *check_backup(jobs, backup, now if belief.is_believed else None),
        *check_damage(jobs),
        *(HostCondition("IDS_SHORT", name, text, name, gateway=gateway) for gateway, name, text in ids),
        *check_strange(strange),
        *check_rollouts(rollouts, told),
        *([HostCondition("CLOCK_SUSPECT", "", belief.suspect, "clock")] if belief.suspect else []),
    ]


def check_backup(jobs: Iterable[JobOutcome], backup: Backup, now: float | None) -> list[HostCondition]:
    """BACKUP_FAILED where the last copy failed, or is LATE_BACKUP_S old; `now` None: the clock is suspect."""
    job = next((job for job in jobs if job.name == "backup"), None)
    if job is None or backup.folder is None or job.ended_at is None:
        return []
    ended = parse_utc(job.ended_at)
    if job.outcome == "failed":
        return [HostCondition("BACKUP_FAILED", "", job.detail, "backup", ended)]
    if now is not None and not job.is_paused and now - ended > LATE_BACKUP_S:
        detail = (
            f"the last backup is {format_duration(now - ended)} old: the site makes one a day while it runs"
        )
        return [HostCondition("BACKUP_FAILED", "", detail, "backup", is_steady=True)]
    return []


def check_damage(jobs: Iterable[JobOutcome]) -> list[HostCondition]:
    """DATABASE_DAMAGED from a check that found damage until one that finds none."""
    checks = [
        job
        for job in jobs
        if job.name in ("quick_check", "check")
        and (job.outcome == "done" or (job.outcome == "failed" and job.detail.startswith(DAMAGED)))
    ]
    newest = max(checks, key=lambda job: job.ended_at or "", default=None)
    if newest is None or newest.outcome == "done":
        return []
    since = parse_utc(newest.ended_at) if newest.ended_at else None
    return [HostCondition("DATABASE_DAMAGED", "", newest.detail, "database", since)]


def check_strange(sources: Iterable[StrangeSource]) -> list[HostCondition]:
    """STRANGE_MESSAGES of each source, from the first until a day after the last."""
    found = []
    for one in sources:
        parts = [
            f"{number} {what}{'' if number == 1 else 's'}"
            for number, what in ((one.messages, "strange message"), (one.lines, "unreadable line"))
            if number
        ]
        detail = f"{' and '.join(parts)} within a day, the last: {one.last}"
        found.append(
            HostCondition(
                "STRANGE_MESSAGES",
                one.source,
                detail,
                one.source,
                parse_utc(one.first_at),
                one.gateway,
                is_steady=True,
            )
        )
    return found


def check_rollouts(rollouts: Iterable[StoppedRollout], told: Iterable[int]) -> list[HostCondition]:
    """ROLLOUT_STOPPED of each rollout that was not `told` of before."""
    known = set(told)
    return [
        HostCondition(
            "ROLLOUT_STOPPED",
            str(one.rollout),
            f"{one.reason}; {one.members} {'node keeps its' if one.members == 1 else 'nodes keep their'} "
            "firmware",
            "firmware",
            parse_utc(one.at),
            is_moment=True,
            figures={"rollout": one.rollout},
        )
        for one in rollouts
        if one.rollout not in known
    ]
