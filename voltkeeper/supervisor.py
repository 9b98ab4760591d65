"""Runs programs side by side for as long as they should run: the machinery of `voltkeeper up`.

A program that ends is started again, after a pause that grows from 1 to 60 s and begins anew once it has run for a
minute. One that ends with exit code 2 says that its use is wrong, so everything ends. The programs hold the reading
end of a pipe; when the supervisor dies, even of kill -9, the pipe ends, and they end themselves (`ingest/parent.py`).
"""

import asyncio
import logging
import os
import signal
import time

from ingest.process.backoff import Backoff
from voltkeeper.parent_pipe import PIPE

log = logging.getLogger(__name__)

WRONG_USE = 2
READY_S = 5.0
STOP_S = 8.0  # after SIGTERM, before SIGKILL


class Supervisor:
    """Keeps `commands` (name -> list of arguments) running; `await run()` returns the exit code of the whole.

    `ready` (name -> function) says of a program whether it is up: those that stand after it wait for that, a little.
    Times are seconds: `first_s` and `last_s` bound the pause before a restart, a run of `steady_s` resets it.
    """

    def __init__(self, commands, *, ready=None, first_s=1.0, last_s=60.0, steady_s=60.0, stop_s=STOP_S):
        self.commands, self.ready = commands, ready or {}
        self.first_s, self.last_s, self.steady_s, self.stop_s = first_s, last_s, steady_s, stop_s
        self.processes = {}  # name -> the running process
        self._code = 0

    async def run(self):
        """Run until SIGTERM, SIGINT, SIGHUP or exit code 2 of a program. Returns 0, or 2 for the latter."""
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        reading, writing = os.pipe()
        try:
            async with asyncio.TaskGroup() as group:
                for name, command in self.commands.items():
                    group.create_task(self._keep(name, command, reading))
                    await self._wait_for(name)
        finally:
            os.close(writing)
            os.close(reading)
        return self._code

    def stop(self, code=0):
        """End everything; `code` is what `run` returns."""
        self._code = max(self._code, code)
        self._stop.set()

    async def _wait_for(self, name):
        until = time.monotonic() + READY_S
        while (
            name in self.ready
            and not self.ready[name]()
            and not self._stop.is_set()
            and time.monotonic() < until
        ):
            await asyncio.sleep(0.05)

    async def _keep(self, name, command, pipe):
        backoff = Backoff(self.first_s, self.last_s)
        while not self._stop.is_set():
            started = time.monotonic()
            code = await self._run_once(name, command, pipe)
            if self._stop.is_set():
                return None
            if code == WRONG_USE:
                log.error("%s ended because of its settings (exit code 2): everything ends", name)
                return self.stop(WRONG_USE)
            if time.monotonic() - started >= self.steady_s:
                backoff.reset()
            pause = backoff.next_s()
            log.warning("%s ended (%s); starting it again in %g s", name, _ending(code), pause)
            await self._sleep(pause)

    async def _run_once(self, name, command, pipe):
        """Start the program and wait until it ends, or end it when everything ends. Returns its exit code."""
        environment = {**os.environ, PIPE: str(pipe)}
        try:
            process = await asyncio.create_subprocess_exec(*command, pass_fds=(pipe,), env=environment)
        except OSError as error:
            log.error("%s cannot be started: %s", name, error)
            return None
        log.debug("%s runs as process %d", name, process.pid)
        self.processes[name] = process
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await self._end(name, process, ended)
            return await ended
        finally:
            stopped.cancel()
            del self.processes[name]

    async def _end(self, name, process, ended):
        _signal(process, signal.SIGTERM)
        await asyncio.wait((ended,), timeout=self.stop_s)
        if not ended.done():
            log.warning("%s did not end within %g s of SIGTERM: killed", name, self.stop_s)
            _signal(process, signal.SIGKILL)

    async def _sleep(self, seconds):
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return


def _signal(process, number):
    if process.returncode is None:
        process.send_signal(number)


def _ending(code):
    if code is None:
        return "not started"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
