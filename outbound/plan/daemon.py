"""The process `voltkeeper plan`: carries out outage plans, beside upsmon, which shuts machines down.

It knows outages from what ingest stores. What it does is stored before it is begun: while the database
cannot be written, nothing begins.
"""

import asyncio
import logging
import os
import signal
import sqlite3
import time

from ingest.config.model import Config
from ingest.db.connection import checkpoint_wal
from ingest.db.locks import LockedError
from ingest.db.problems import find_problem
from ingest.process.systemd import READY, STOPPING, feed_watchdog, notify
from ingest.schema.migrate import NewerDatabaseError, migrate
from outbound.database import OutboundDatabase
from outbound.plan.lock import lock_plans
from outbound.plan.runner import PlanRunner

log = logging.getLogger(__name__)

FINISH_S = 10.0  # when the process is to end, for the step that runs
STOP_S = 0.7  # for everything else
STANDS_STILL = "The outage plan stands still, upsmon does not depend on it"


def run_plans(config: Config) -> int:
    """Carry out the plans until SIGTERM or SIGINT. Returns an exit code; 2 where the settings are wrong."""
    if not config.plan:
        log.error("There is no plan: config.yml has no plan:")
        return 2
    os.environ["TZ"] = config.timezone
    time.tzset()
    try:
        migrate(config.database)
    except NewerDatabaseError as error:
        log.error("%s", error)
        return 2
    except (OSError, sqlite3.Error) as error:
        log.error("%s: %s", STANDS_STILL, find_problem(config.database, error))
    try:
        lock_plans(config.database)
    except (LockedError, OSError) as error:
        log.error("%s", error)
        return 1
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = OutboundDatabase(config.database, meanwhile=STANDS_STILL)
    runners = [PlanRunner(plan, config, database) for plan in config.plan]
    tasks = [asyncio.create_task(one.run(), name=f"plan {one.plan.name}") for one in runners]
    tasks.append(asyncio.create_task(feed_watchdog(_loop_runs), name="watchdog"))
    stopped = asyncio.create_task(stop.wait())
    log.info("Outage plans: %s", ", ".join(plan.name for plan in config.plan))
    notify(READY)
    has_failed = False
    watched = {stopped, *tasks}
    while not stop.is_set():
        done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            if (error := task.exception()) is not None:
                log.error("%s ended: the process starts anew", task.get_name(), exc_info=error)
                stop.set()
                has_failed = True
    notify(STOPPING)
    await asyncio.gather(*(runner.finish(FINISH_S) for runner in runners))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=STOP_S)
    await asyncio.wait((asyncio.ensure_future(database.close()),), timeout=0.5)
    if has_failed:
        return 1
    checkpoint_wal(config.database)
    log.info("Stopped")
    return 0


async def _loop_runs(seconds: float) -> bool:
    """The event loop runs, or this would not be called."""
    return True
