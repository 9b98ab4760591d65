"""The workers of a site: how many, for which requests, and when they end."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from plugins.web.app.sql_workers.fair_share import FairShare
from plugins.web.app.sql_workers.process import WorkerProcess
from plugins.web.app.sql_workers.wire import Query, QueryAnswer

SMALL_MACHINE = 2**30  # bytes of memory; below it, one worker
IDLE_S = 60


def default_count() -> int:
    """Two workers, one on a machine with less than 1 GB of memory."""
    return 1 if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < SMALL_MACHINE else 2


class SqlWorkers:
    """`count` processes that are started when a query needs one, and end when none came for `idle_s`.

    A request holds a place of `share` while it runs queries: one key never has more than half of them.
    """

    def __init__(
        self, database: Path, timezone: str, count: int | None = None, idle_s: float = IDLE_S
    ) -> None:
        count = count or default_count()
        self.share = FairShare(count, per_key=max(1, count // 2))
        self._workers = [WorkerProcess(database, timezone) for _ in range(count)]
        self._free = list(self._workers)
        # A worker is waited for in a thread of its own: those that read for pages have no part in it.
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="sql-worker")
        self._idle_s = idle_s
        self._running = 0
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that run."""
        return [worker.pid for worker in self._workers if worker.pid]

    async def run(self, query: Query) -> QueryAnswer:
        """The answer to a query of a request that holds a place."""
        if self._idle:
            self._idle.cancel()
        self._running += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._ask, query)
        running.add_done_callback(lambda _: self._finish())
        # A request may be cancelled; its thread goes on until the worker has answered or was killed.
        return await asyncio.shield(running)

    def _ask(self, query: Query) -> QueryAnswer:
        worker = self._free.pop()  # there is one for each thread; the one that ran last is still awake
        try:
            return worker.ask(query)
        finally:
            self._free.append(worker)

    def _finish(self) -> None:
        self._running -= 1
        if not self._running:
            self._idle = asyncio.get_running_loop().call_later(self._idle_s, self.end_idle)

    def end_idle(self) -> None:
        """End the processes; the next query starts one."""
        for worker in self._workers:
            worker.end()

    def close(self) -> None:
        """End all processes; a query that runs ends with its own."""
        if self._idle:
            self._idle.cancel()
        self.end_idle()
        self._threads.shutdown()
