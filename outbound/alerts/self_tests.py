"""One message for a self-test that a schedule started and that failed.

It is two events: TEST_FAILED, which lasts until a test passes, and SCHEDULED_COMMAND_FAILED, what came of the
command. A target that gets the begin of the former needs no message of the latter: its delivery is stored as
muted.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from ingest.db.time import format_utc
from ingest.ups.command_results import starts_test
from outbound.alerts.delivery import Delivery
from outbound.alerts.holds import NO_HOLD
from outbound.alerts.model import AlertEvent, DeliveryKind, DeliveryState
from outbound.alerts.plan import PlannedMessage

COMMAND_FAILED = "SCHEDULED_COMMAND_FAILED"
REASON = "TEST_FAILED has reported it"
UNSENT = (DeliveryState.MUTED, DeliveryState.FAILED, DeliveryState.EXPIRED)
FAILED_TEST = """select id from events where event = 'TEST_FAILED' and ups = ?
  and started_at between ? and ? order by id desc limit 1"""


def mute_reported_tests(
    connection: sqlite3.Connection,
    planned: Sequence[PlannedMessage],
    rows_of: Callable[[int], Iterable[Delivery]],
) -> Iterator[PlannedMessage]:
    """What is planned, with what TEST_FAILED reports muted. `rows_of` returns the deliveries of an event."""
    for one in planned:
        test = _failed_test(connection, one.event)
        if test is None or one.mute:
            yield one
            continue
        informed = {
            row.target for row in rows_of(test) if row.kind is DeliveryKind.BEGIN and row.state not in UNSENT
        }
        informed |= {other.target for other in planned if other.event.id == test and not other.mute}
        yield replace(one, mute=REASON, hold=NO_HOLD) if one.target in informed else one


def _failed_test(connection: sqlite3.Connection, event: AlertEvent) -> int | None:
    """The event TEST_FAILED that began between the order of a scheduled self-test and its failure."""
    since, command = event.figures.get("started_at"), str(event.figures.get("command"))
    if event.event != COMMAND_FAILED or not starts_test(command) or not isinstance(since, str):
        return None
    values = event.ups, since, format_utc(event.started_at)
    row: tuple[int] | None = connection.execute(FAILED_TEST, values).fetchone()
    return None if row is None else row[0]
