"""What systemd is told: ready, alive, stopping. One datagram each to the socket that NOTIFY_SOCKET names (sd_notify(3)).

Without that variable, and in a child of `voltkeeper up`, nothing is sent.
"""

import asyncio
import logging
import os
import socket

from voltkeeper.parent_pipe import supervised

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"

log = logging.getLogger(__name__)


def notify(state):
    """Send one state. Returns True when it was sent; a socket that does not answer is logged, nothing more."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or supervised():
        return False
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd was not told %s: %s", state, error)
        return False
    return True


def watchdog_s():
    """Seconds after which systemd restarts a silent process; 0 when it does not watch this one."""
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    microseconds = os.environ.get("WATCHDOG_USEC", "0")
    if supervised() or watched != str(os.getpid()) or not microseconds.isdigit():
        return 0.0
    return int(microseconds) / 1e6


async def feed_watchdog(alive):
    """Tell systemd for ever that this process lives; a loop that hangs says nothing, and so it is started again.

    `await alive(seconds)` says whether what does not run in this loop lives too: True when it gave a sign of life in
    the last `seconds`, half of the watchdog's time. While it does not, nothing is told either.
    """
    limit = watchdog_s()
    if not limit:
        return
    hung = False
    while True:
        if await alive(limit / 2):
            notify(ALIVE)
            hung = False
        elif not hung:
            log.error(
                "No sign of life for %g s: systemd is told nothing more and will start this anew", limit / 2
            )
            hung = True
        await asyncio.sleep(limit / 4)
