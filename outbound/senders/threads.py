"""Calls that block, in threads of their own, which hold up neither other targets nor the process's end."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar, cast

from outbound.alerts.model import AlertMessage

Result = TypeVar("Result")


def start_thread(work: Callable[[], Result], name: str) -> "asyncio.Future[Result]":
    """Start `work` in a daemon thread; the future gets its result or exception.

    Nothing ends such a thread from outside: who waits no longer leaves it alone.
    """
    future, run = _as_future(work)
    threading.Thread(target=run, name=name, daemon=True).start()
    return future


class WorkThread:
    """One daemon thread that does one work after the other: starting a thread for each takes far longer."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._works: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._is_started = False

    def start(self, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Do `work` when what was handed in before is done; the future gets its result or exception."""
        future, run = _as_future(work)
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        self._works.put(run)
        return future

    def _run(self) -> None:
        while True:
            self._works.get()()


def _as_future(work: Callable[[], Result]) -> "tuple[asyncio.Future[Result], Callable[[], None]]":
    """A future of the running loop, and what another thread calls so that it gets the result of `work`."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()
    # An exception that nobody waits for any more is no error of the loop.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def finish(result: Result | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast(Result, result))

    def run() -> None:
        result: Result | None = None
        error: Exception | None = None
        try:
            result = work()
        except Exception as raised:
            error = raised
        except BaseException as raised:  # a plug-in that calls sys.exit() ends its thread alone
            error = RuntimeError(f"{type(raised).__name__}: {raised}")
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(finish, result, error)

    return future, run


class Attempts(Generic[Result]):
    """The attempts of one sender, each at most `call_s` seconds long.

    One that was given up goes on in its thread: the next one for the same message waits for it, so that a
    slow service does not get the message twice. `has_sent` tells from a result whether it succeeded.
    """

    def __init__(self, call_s: float, has_sent: Callable[[Result], bool] = lambda result: True) -> None:
        self._call_s, self._has_sent = call_s, has_sent
        self._last: tuple[AlertMessage, asyncio.Future[Result]] | None = None  # that was not waited for

    def unfinished(self, message: AlertMessage) -> "asyncio.Future[Result] | None":
        """The attempt for this message that goes on, or has succeeded since it was given up."""
        if self._last is None or self._last[0] != message:
            return None
        future = self._last[1]
        if not future.done():
            return future
        has_failed = (
            future.cancelled() or future.exception() is not None or not self._has_sent(future.result())
        )
        return None if has_failed else future

    async def wait(self, message: AlertMessage, future: "asyncio.Future[Result]") -> Result:
        """The result of an attempt. Raises TimeoutError after `call_s`, and what the attempt raised."""
        self._last = (message, future)
        async with asyncio.timeout(self._call_s):  # wait_for of Python 3.11 may lose a cancellation
            result = await asyncio.shield(future)
        self._last = None
        return result
