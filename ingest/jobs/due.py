"""When a job is due: by its times, because a user asked for it, or because its last run was cut off. Pure."""

from dataclasses import dataclass

from ingest.db.connection import Row
from ingest.db.time import parse_utc
from ingest.jobs.recurrence import Recurrence

SCHEDULE = "schedule"  # for whom a job runs by its times
DAY_S = 86_400.0
HOUR_S = 3600.0
NOT_RECORDED: Row = {}  # of a job that has no row yet


@dataclass(frozen=True)
class Job:
    """What the register knows of a job.

    `runner` is the process that does it: site, outbound or ingest. Without a `recurrence` it runs when it is
    asked for. After a failure it is due again after `retry_s` seconds; None: at its next time. `resumes`: a
    run that was cut off is begun again.
    """

    name: str
    title: str
    runner: str
    recurrence: Recurrence | None = None
    retry_s: float | None = None
    resumes: bool = True

    @property
    def schedule(self) -> str:
        """Its times as text; '' for none."""
        return self.recurrence.text if self.recurrence else ""


def covered_until(job: Job, row: Row, now: float) -> float:
    """Return until when nothing was missed, in unix seconds: `covered_at` of its row.

    That is `now` for a job that is new or has other times, so that it has missed nothing; and where the row
    was written by a clock that was more than a day ahead.
    """
    if not row.get("covered_at") or row["schedule"] not in ("", job.schedule):
        return now
    covered = parse_utc(row["covered_at"])
    return now if covered > now + DAY_S else covered


def next_run(job: Job, row: Row, now: float) -> float | None:
    """Return the unix seconds of its next run; not after `now` where it is due. None: it has no times.

    What was missed is due once, however many times it was.
    """
    if job.recurrence is None or row.get("paused_at"):
        return None
    next_at = job.recurrence.following(covered_until(job, row, now))
    if row.get("outcome") == "failed" and job.retry_s is not None and row["ended_at"]:
        return min(next_at, min(parse_utc(row["ended_at"]), now) + job.retry_s)
    return next_at


def due_requester(job: Job, row: Row, now: float, is_believed: bool = True) -> str | None:
    """Return for whom a job is due now: the name of a user, `schedule`, or None.

    Nothing else runs the job now. A clock that is not believed makes nothing due.
    """
    if row.get("wanted_at"):
        return row["wanted_by"] or SCHEDULE
    if job.resumes and row.get("outcome") in ("running", "stopped"):  # cut off: it goes on
        return str(row["started_by"])
    if not is_believed:
        return None
    next_at = next_run(job, row, now)
    return SCHEDULE if next_at is not None and next_at <= now else None
