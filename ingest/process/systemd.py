"""State for systemd (sd_notify(3)): ready, alive, stopping.

One datagram each goes to the socket that NOTIFY_SOCKET names. Without that variable nothing is sent. A child
of `voltkeeper up` has it no more: `voltkeeper.parent_pipe` takes it away.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"

log = logging.getLogger(__name__)


def notify(state: str) -> bool:
    """Send one state. Returns True when it was sent; a socket that does not answer is only logged."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd did not get %s: %s", state, error)
        return False
    return True


def watchdog_s() -> float:
    """Return the seconds after which systemd restarts a silent process; 0 when it does not watch this one."""
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    microseconds = os.environ.get("WATCHDOG_USEC", "0")
    if watched != str(os.getpid()) or not microseconds.isdigit():
        return 0.0
    return int(microseconds) / 1e6


async def feed_watchdog(is_responsive: Callable[[float], Awaitable[bool]]) -> None:
    """Send systemd heartbeats until cancelled; a loop that hangs sends none, and so it is started again.

    `await is_responsive(seconds)`: whether what does not run in this loop gave a heartbeat in the last
    `seconds`, half of the watchdog's time. While it did not, none is sent either.
    """
    limit = watchdog_s()
    if not limit:
        return
    hung = False
    while True:
        if await is_responsive(limit / 2):
            notify(ALIVE)
            hung = False
        elif not hung:
            log.error("No heartbeat for %g s: systemd gets none either and will restart this", limit / 2)
            hung = True
        await asyncio.sleep(limit / 4)
