"""What held the event loop is in the log, once a minute at most."""

import asyncio
import re
import time

from plugins.web.app.loop_watchdog import LoopWatchdog, WatchdogTiming

TIMING = WatchdogTiming(limit_s=0.2, look_s=0.01, pause_s=60)


def hold_by_sleeping():
    time.sleep(0.5)


def hold_by_a_regular_expression():
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        re.match(r"(a|b|ab)*c", "ab" * 9)  # C code, which lets no other thread run


async def watch(caplog, *works):
    watchdog = LoopWatchdog(TIMING)
    watchdog.start()
    for work in works:
        await asyncio.sleep(0.1)
        work()
    await asyncio.sleep(0.1)
    watchdog.end()
    return [record.getMessage() for record in caplog.records]


def test_what_held_the_loop_is_logged(caplog):
    (message,) = asyncio.run(watch(caplog, hold_by_sleeping, hold_by_sleeping))
    assert "the event loop has been held for 0." in message
    assert re.search(r"by hold_by_sleeping \(.*test_loop_watchdog.py:\d+\) < watch \(", message)


def test_so_is_work_that_keeps_the_interpreter(caplog):
    (message,) = asyncio.run(watch(caplog, hold_by_a_regular_expression))
    assert "hold_by_a_regular_expression" in message
