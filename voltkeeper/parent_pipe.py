"""The other end of the supervisor's pipe: a program that it started ends when it is gone."""

import os
import signal
import threading
import time

PIPE = "VOLTKEEPER_PARENT_PIPE"  # environment: the descriptor of the pipe's reading end
OF_SYSTEMD = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")  # environment: about the supervisor alone
STOP_S = 15.0  # after the supervisor is gone, for ending in good order


def supervised() -> bool:
    """True in a program that a supervisor has started."""
    return PIPE in os.environ


def follow_parent() -> None:
    """In a program of a supervisor: end when that dies, by SIGTERM, and for certain after STOP_S.

    What systemd gave to the supervisor is taken out of the environment: a child does not report for it.
    """
    if not supervised():
        return
    for name in OF_SYSTEMD:
        os.environ.pop(name, None)
    descriptor = int(os.environ[PIPE])
    threading.Thread(target=_end_with_parent, args=(descriptor,), name="parent", daemon=True).start()


def _end_with_parent(descriptor: int) -> None:
    os.read(descriptor, 1)  # returns at the end of the pipe only: nothing is ever written
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_S)
    os._exit(1)
