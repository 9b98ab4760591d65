"""The parts of a process side by side, until a signal ends it or one of them fails."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from ingest.db.connection import checkpoint_wal
from ingest.process.systemd import READY, STOPPING, feed_watchdog, notify
from outbound.database import OutboundDatabase

log = logging.getLogger(__name__)

STOP_S = 0.7  # for parts that are cancelled
CLOSE_S = 0.5  # for the database


def stop_event() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set, from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def run_parts(
    stop: asyncio.Event,
    parts: Mapping[str, Coroutine[object, None, None]],
    database: OutboundDatabase,
    finish: Callable[[], Awaitable[object]],
) -> int:
    """Run them until `stop` is set, then `finish()`. Returns an exit code: 1 where a part has failed."""
    tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    tasks.append(asyncio.create_task(feed_watchdog(_loop_runs), name="watchdog"))
    stopped = asyncio.create_task(stop.wait())
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
    await finish()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=STOP_S)
    await asyncio.wait((asyncio.ensure_future(database.close()),), timeout=CLOSE_S)
    if has_failed:
        return 1
    checkpoint_wal(database.path)
    log.info("Stopped")
    return 0


async def _loop_runs(seconds: float) -> bool:
    """The event loop runs, or this would not be called."""
    return True
