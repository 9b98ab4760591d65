"""Calls that block, in threads of their own, which hold up neither other targets nor the process's end."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, cast

Result = TypeVar("Result")


def start_thread(work: Callable[[], Result], name: str) -> "asyncio.Future[Result]":
    """Start `work` in a daemon thread; the future gets its result or exception.

    Nothing ends such a thread from outside: who waits no longer leaves it alone.
    """
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

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
