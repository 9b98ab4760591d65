"""How each target of alerts does: last success, last failure with the service's answer, what waits."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.config.alerts import AlertTarget
from ingest.config.model import Config
from ingest.db.connection import dict_rows
from outbound.senders.address import target_address

LOOKED = 5000  # the newest deliveries, among which the last ones of a target are looked for
_NEWEST = "(select coalesce(max(id), 0) from deliveries)"
LAST_SENT = f"""select target, sent_at, reason from deliveries where id in (
  select max(id) from deliveries where id > {_NEWEST} - {LOOKED} and state in ('sent', 'uncertain')
  group by target)"""
LAST_FAILED = f"""select target, created_at, reason from deliveries where id in (
  select max(id) from deliveries where id > {_NEWEST} - {LOOKED}
    and (state = 'failed' or (state in ('queued', 'sending') and attempts > 0 and reason <> ''))
  group by target)"""
WAITING = """select target, count(*) as waiting, sum(held_until is not null) as held, min(created_at) as since
  from deliveries where state in ('queued', 'sending') group by target"""
FAILING = """select figures ->> '$.target' as target, started_at, figures ->> '$.reason' as reason
  from events where event = 'TARGET_FAILING' and ended_at is null"""
COUNTS = f"""select target, state, count(*) as count from deliveries where id > {_NEWEST} - {LOOKED}
  group by target, state"""


@dataclass(frozen=True)
class TargetHealth:
    """A target. Times are UTC text, None where it never happened; `failing_since` while it fails.

    `waiting` messages are not sent yet, of which `held` wait for a time of day; `counts` are of the newest
    deliveries, by state.
    """

    name: str
    kind: str
    address: str
    sent_at: str | None
    answer: str
    failed_at: str | None
    failure: str
    failing_since: str | None
    waiting: int
    held: int
    waiting_since: str | None
    counts: Mapping[str, int]

    @property
    def verdict(self) -> str:
        """`Critical` while it fails, `OK` once something arrived, else `No data`."""
        if self.failing_since:
            return "Critical"
        if self.sent_at and (self.failed_at is None or self.failed_at <= self.sent_at):
            return "OK"
        return "Warning" if self.failed_at else "No data"


def read_health(connection: sqlite3.Connection, config: Config) -> list[TargetHealth]:
    """The targets of the config, in its order. Only reads."""
    sent, failed, waiting, failing = (
        {row["target"]: row for row in dict_rows(connection, sql)}
        for sql in (LAST_SENT, LAST_FAILED, WAITING, FAILING)
    )
    counts: dict[str, dict[str, int]] = {}
    for row in dict_rows(connection, COUNTS):
        counts.setdefault(row["target"], {})[row["state"]] = row["count"]
    found = []
    for target in config.alerts.targets if config.alerts else ():
        name = target.name
        last, waits = sent.get(name, {}), waiting.get(name, {})
        now_failing = failing.get(name, {})
        fault = now_failing or failed.get(name, {})
        found.append(
            TargetHealth(
                name=name,
                kind=target_kind(target),
                address=target_address(target, config.mail),
                sent_at=last.get("sent_at"),
                answer=last.get("reason", ""),
                failed_at=fault.get("created_at") or fault.get("started_at"),
                failure=fault.get("reason") or "",
                failing_since=now_failing.get("started_at"),
                waiting=waits.get("waiting", 0),
                held=waits.get("held", 0),
                waiting_since=waits.get("since"),
                counts=counts.get(name, {}),
            )
        )
    return found


def target_kind(target: AlertTarget) -> str:
    """`mail`, `program`, or the scheme of its URL."""
    if target.mail:
        return "mail"
    return "program" if target.command else target_address(target).partition("://")[0]


def has_alerts(connection: sqlite3.Connection) -> bool:
    """Whether the file has the tables: one of an older version has none until it is migrated."""
    row = connection.execute("select 1 from sqlite_master where name = 'deliveries'").fetchone()
    return row is not None


def failing_targets(health: Sequence[TargetHealth]) -> list[TargetHealth]:
    """Those that fail now."""
    return [one for one in health if one.failing_since]
