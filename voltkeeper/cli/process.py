"""What a command does to its own process: its priority, its signals, its exit code."""

import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import NoReturn

import click

WRONG_USE = 2
NICE = 10  # of all but ingest
NICE_PLAN = 2  # it acts while others work hardest
NICE_HISTORY = 12  # of the demo's history: the site starts beside it


def lower_priority(niceness: int = NICE) -> None:
    """Let ingest run first: a node waits milliseconds for its firmware, and a page may take a little longer.

    Before any thread starts, since each has a priority of its own.
    """
    with suppress(OSError):  # a service manager that sets it may forbid it
        if os.getpriority(os.PRIO_PROCESS, 0) < niceness:
            os.setpriority(os.PRIO_PROCESS, 0, niceness)


async def until_signal(work: Coroutine[object, object, object]) -> None:
    """Await something until SIGTERM or SIGINT."""
    import asyncio

    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def fail(message: object, code: int = WRONG_USE) -> NoReturn:
    """Print why, and end with this exit code."""
    click.echo(str(message), err=True)
    sys.exit(code)
