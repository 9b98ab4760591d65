"""The process `voltkeeper plan`: carries out outage plans, beside upsmon, which shuts machines down.

It knows outages from what ingest stores. What it does is stored before it is begun: while the database
cannot be written, nothing begins.
"""

import asyncio
import logging
import os
import sqlite3
import time

from ingest.config.model import Config
from ingest.db.locks import LockedError
from ingest.db.problems import find_problem
from ingest.schema.migrate import NewerDatabaseError, migrate
from outbound.database import OutboundDatabase
from outbound.parts import run_parts, stop_event
from outbound.plan.lock import lock_plans
from outbound.plan.runner import PlanRunner

log = logging.getLogger(__name__)

FINISH_S = 10.0  # when the process is to end, for the step that runs
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
    stop = stop_event()
    database = OutboundDatabase(config.database, meanwhile=STANDS_STILL)
    runners = [PlanRunner(plan, config, database) for plan in config.plan]
    log.info("Outage plans: %s", ", ".join(plan.name for plan in config.plan))
    parts = {f"plan {one.plan.name}": one.run() for one in runners}
    return await run_parts(
        stop, parts, database, lambda: asyncio.gather(*(one.finish(FINISH_S) for one in runners))
    )
