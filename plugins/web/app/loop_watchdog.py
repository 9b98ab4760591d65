"""What held the event loop: while one piece of work keeps it, every page waits."""

import asyncio
import logging
import sys
import threading
import time
import traceback
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.site import Site

FRAMES = 8  # the innermost ones

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WatchdogTiming:
    """Times in seconds."""

    limit_s: float = 0.5  # without a turn of the loop
    look_s: float = 0.1  # between two looks
    pause_s: float = 60.0  # between two messages; what happens in it is counted


DEFAULT_TIMING = WatchdogTiming()


class LoopWatchdog:
    """A thread that notices when the loop of `start()` takes no turn, and logs where it is."""

    def __init__(self, timing: WatchdogTiming = DEFAULT_TIMING) -> None:
        self._timing = timing
        self._end = threading.Event()
        self._turn_at = 0.0
        self._turning: asyncio.TimerHandle | None = None
        self._logged_at = float("-inf")
        self._unlogged = 0

    def start(self) -> None:
        """Watch the running loop."""
        self._turn(asyncio.get_running_loop())
        arguments = (threading.get_ident(),)
        threading.Thread(target=self._watch, args=arguments, name="loop-watchdog", daemon=True).start()

    def end(self) -> None:
        """Watch no more."""
        self._end.set()
        if self._turning:
            self._turning.cancel()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._turn_at = time.monotonic()
        self._turning = loop.call_later(self._timing.look_s, self._turn, loop)

    def _watch(self, loop_thread: int) -> None:
        held_since: float | None = None
        before, cpu_before = time.monotonic(), time.process_time()
        while not self._end.wait(self._timing.look_s):
            now, cpu = time.monotonic(), time.process_time()
            late_s = now - before - self._timing.look_s
            # A process that was stopped, or got no processor, held nothing. Work that kept the interpreter
            # to itself, as a regular expression does, made this thread late as well, but used the processor.
            was_stopped = late_s > self._timing.limit_s and cpu - cpu_before < late_s / 2
            before, cpu_before = now, cpu
            turn_at = self._turn_at
            if now - turn_at < self._timing.limit_s or was_stopped:
                held_since = None
            elif held_since != turn_at:  # once each time
                held_since = turn_at
                self._report(now, now - turn_at, loop_thread)

    def _report(self, now: float, held_s: float, loop_thread: int) -> None:
        if now - self._logged_at < self._timing.pause_s:
            self._unlogged += 1
            return
        frame = sys._current_frames().get(loop_thread)
        stack = traceback.extract_stack(frame)[-FRAMES:] if frame else []
        places = " < ".join(f"{one.name} ({one.filename}:{one.lineno})" for one in reversed(stack))
        more = f" ({self._unlogged} more times since the last message)" if self._unlogged else ""
        log.warning("the event loop has been held for %.1f s%s, by %s", held_s, more, places)
        self._logged_at, self._unlogged = now, 0


def watch_loop(app: ASGIApp, site: Site) -> ASGIApp:
    """Start and end the watchdog with the server."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        watchdog = LoopWatchdog()

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                watchdog.start()
            elif message["type"] == "lifespan.shutdown":
                watchdog.end()
            return message

        await app(scope, watched, send)

    return inner
