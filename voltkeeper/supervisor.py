"""Runs programs side by side for as long as they should run: the machinery of `voltkeeper up`.

A program that ends is started again, after a pause that grows from 1 to 60 s and begins anew once it has run
for a minute. One that ends with exit code 2 was used wrongly, so everything ends, unless it is optional: then
it alone pauses. The programs hold the reading end of a pipe; when the supervisor dies, even of kill -9, the
pipe ends, and they end themselves (`parent_pipe`).
"""

import asyncio
import logging
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ingest.db.durations import format_duration
from ingest.process.backoff import Backoff
from voltkeeper.parent_pipe import PIPE

log = logging.getLogger(__name__)

WRONG_USE = 2
DEATHS = 3  # of a program within `deaths_s`: it ends again and again


@dataclass(frozen=True)
class SupervisorTiming:
    """Times in seconds."""

    first_s: float = 1.0  # the pause before the first restart
    last_s: float = 60.0  # the longest one
    steady_s: float = 60.0  # a run of this length resets the pause
    ready_s: float = 5.0  # for a program to be ready before the next one starts
    deaths_s: float = 600.0  # DEATHS of a program in this time are reported
    report_s: float = 90.0  # for that, at most
    stop_s: float = 15.0  # after SIGTERM, before SIGKILL: longer than ingest needs for its spool


DEFAULT_TIMING = SupervisorTiming()


@dataclass
class Supervisor:
    """Keeps `commands` (name -> list of arguments) running; `await run()` returns the exit code of the whole.

    `ready` (name -> function) tests whether a program is up: those after it wait for that, `ready_s` at most.
    Those of `optional` never end the others. `report` (name, how it ended) returns the command that reports a
    program that ends again and again; its process is not waited for.
    """

    commands: Mapping[str, list[str]]
    ready: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    timing: SupervisorTiming = DEFAULT_TIMING
    optional: Collection[str] = ()
    report: Callable[[str, str], list[str]] | None = None
    processes: dict[str, Process] = field(default_factory=dict, init=False)  # by name, those that run
    _stop: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _code: int = field(default=0, init=False)
    _deaths: dict[str, list[float]] = field(default_factory=dict, init=False)  # monotonic, by name
    _reports: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def run(self) -> int:
        """Run until SIGTERM, SIGINT, SIGHUP or exit code 2 of a program. Returns 0, or 2 for the latter."""
        loop = asyncio.get_running_loop()
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

    async def _wait_for(self, name: str) -> None:
        is_ready = self.ready.get(name, lambda: True)
        until = time.monotonic() + self.timing.ready_s
        while not is_ready() and not self._stop.is_set() and time.monotonic() < until:
            await asyncio.sleep(0.05)

    async def _keep(self, name: str, command: list[str], pipe: int) -> None:
        backoff = Backoff(self.timing.first_s, self.timing.last_s)
        while not self._stop.is_set():
            started = time.monotonic()
            code = await self._run_once(name, command, pipe)
            if self._stop.is_set():
                return
            if code == WRONG_USE and name not in self.optional:
                log.error("%s ended because of its settings (exit code 2): stopping all", name)
                self._code = WRONG_USE
                self._stop.set()
                return
            if self._dies_again(name):
                self._start_report(name, _ending(code))
            if time.monotonic() - started >= self.timing.steady_s:
                backoff.reset()
            pause = self.timing.last_s if code == WRONG_USE else backoff.next_s()
            log.warning("%s ended (%s); starting it again in %g s", name, _ending(code), pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    def _dies_again(self, name: str) -> bool:
        """Count a death; True for every DEATHS of them within `deaths_s`."""
        now = time.monotonic()
        deaths = [at for at in self._deaths.get(name, []) if now - at <= self.timing.deaths_s] + [now]
        self._deaths[name] = [] if len(deaths) >= DEATHS else deaths
        return len(deaths) >= DEATHS

    def _start_report(self, name: str, ending: str) -> None:
        log.error("%s ended %d times within %g s", name, DEATHS, self.timing.deaths_s)
        if self.report is not None:
            why = (
                f"{DEATHS} times within {format_duration(self.timing.deaths_s)}, the last time with {ending}"
            )
            task = asyncio.create_task(self._run_report(self.report(name, why)))
            self._reports.add(task)
            task.add_done_callback(self._reports.discard)

    async def _run_report(self, command: list[str]) -> None:
        try:
            process = await asyncio.create_subprocess_exec(*command)
        except OSError as error:
            log.error("That cannot be reported: %s", error)
            return
        try:
            async with asyncio.timeout(self.timing.report_s):
                await process.wait()
        except TimeoutError:
            log.warning("The report of that took longer than %g s: killed", self.timing.report_s)
        finally:
            _signal(process, signal.SIGKILL)  # where it runs yet

    async def _run_once(self, name: str, command: list[str], pipe: int) -> int | None:
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

    async def _end(self, name: str, process: Process, ended: asyncio.Task[int]) -> None:
        _signal(process, signal.SIGTERM)
        await asyncio.wait((ended,), timeout=self.timing.stop_s)
        if not ended.done():
            log.warning("%s did not end within %g s of SIGTERM: killed", name, self.timing.stop_s)
            _signal(process, signal.SIGKILL)


def _signal(process: Process, number: int) -> None:
    if process.returncode is None:
        process.send_signal(number)


def _ending(code: int | None) -> str:
    if code is None:
        return "not started"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
