"""`voltkeeper rehearse`: what an event would send is sent, and shown in a table with what arrived."""

import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from ingest.config.model import Config
from ingest.db.connection import connect, transaction
from ingest.db.problems import find_problem
from ingest.schema.migrate import migrate
from outbound.alerts import store
from outbound.alerts.delivery import Delivery
from outbound.alerts.played_events import PlayedEvent, RehearsalError, play_all, play_outage, play_silence
from outbound.alerts.rehearsal import Rehearsal, plan_rehearsal, queue_rehearsal
from outbound.alerts.trials import (
    describe_outcome,
    give_up,
    has_arrived,
    is_over,
    require_sending,
    summarize,
)

WAIT_S = 50.0  # for the answers: the whole command ends within a minute
LOOK_S = 0.2
TITLE = 70  # characters of a title in the table

Play: TypeAlias = Callable[[sqlite3.Connection, Config, float], list[PlayedEvent]]


def outage(ups: str, low_battery: bool) -> Play:
    """An outage of a UPS."""
    return lambda connection, config, now: play_outage(connection, ups, now, low_battery)


def silence(node: str) -> Play:
    """A node that is silent and back."""
    return lambda connection, config, now: play_silence(connection, node, now)


everything: Play = play_all


def run_rehearsal(config: Config, play: Play, wait_s: float = WAIT_S) -> int:
    """Send, wait for the answers, print them. Returns 0 where every message arrived."""
    deadline = time.monotonic() + wait_s
    try:
        require_sending(config)
        migrate(config.database)
        with closing(connect(config.database)) as connection:
            rehearsal, ids = _queue(connection, config, play)
            deliveries = _wait(connection, ids, deadline)
    except RehearsalError as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, sqlite3.Error) as error:
        print(f"The rehearsal failed: {find_problem(Path(config.database), error)}", file=sys.stderr)
        return 1
    return _report(rehearsal, deliveries)


def _queue(connection: sqlite3.Connection, config: Config, play: Play) -> tuple[Rehearsal, list[int]]:
    now = time.time()
    with transaction(connection):
        rehearsal = plan_rehearsal(connection, config, play(connection, config, now), now)
        return rehearsal, queue_rehearsal(connection, config, rehearsal, now)


def _wait(connection: sqlite3.Connection, ids: Sequence[int], deadline: float) -> list[Delivery]:
    """The deliveries when all are over, or at the deadline (monotonic); what waits then is not sent."""
    while not is_over(found := store.by_ids(connection, ids)):
        if time.monotonic() >= deadline:
            with transaction(connection):
                give_up(connection, ids)
            return store.by_ids(connection, ids)
        time.sleep(LOOK_S)
    return found


def _report(rehearsal: Rehearsal, deliveries: Sequence[Delivery]) -> int:
    if not deliveries:
        print("Nothing was sent: no rule names such an event with a target", file=sys.stderr)
        return 1
    width = max(len(one.target) for one in deliveries)
    carriers = {one.id: one for one in deliveries}
    for one in deliveries:
        outcome = describe_outcome(one) if one.digest not in carriers else f"in the digest #{one.digest}"
        mark = "ok  " if has_arrived(one) else "FAIL"
        print(f"{mark} {one.target:{width}}  #{one.id} {_shortened(one.title):{TITLE}}  {outcome}")
    for title, target in rehearsal.unsent:
        print(f"--   {target:{width}}  {_shortened(title):{TITLE}}  not sent: no rule names both")
    print(summarize(deliveries))
    return 0 if all(map(has_arrived, deliveries)) else 1


def _shortened(title: str) -> str:
    return title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
