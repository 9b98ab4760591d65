"""What the site does by itself: it looks for due chores twice a minute, and at once when somebody asks for one."""

import asyncio
import logging
import threading

from ingest.db.locks import LockedError
from ingest.maintenance.batches import Stopped
from ingest.maintenance.jobs import run_due

LOOK_S = 30

log = logging.getLogger(__name__)


class Keeper:
    """Runs `run_due` in a thread, for as long as the site runs."""

    def __init__(self, config):
        self._config = config
        self._stop = threading.Event()
        self._wake = asyncio.Event()
        self._task = None

    def start(self):
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._run())

    def wake(self):
        """Something was asked for."""
        self._wake.set()

    async def end(self):
        """Stop after the chunk that is under way."""
        self._stop.set()
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _run(self):
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(run_due, self._config, self._stop)
            except Stopped:
                log.info("stopped in the middle of work; it goes on at the next start")
            except LockedError as busy:
                log.debug("%s", busy)
            except Exception:
                log.exception("Daily work failed; it is tried again")
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            except TimeoutError:
                continue
            self._wake.clear()
