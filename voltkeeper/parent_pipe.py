"""The other end of the supervisor's pipe: a program that it started ends when it is gone."""

import os
import signal
import threading
import time

PIPE = "VOLTKEEPER_PARENT_PIPE"  # environment: the descriptor of the pipe's reading end
STOP_S = 8.0  # after the supervisor is gone, for ending in good order


def supervised():
    """True in a program that a supervisor has started."""
    return PIPE in os.environ


def follow_parent():
    """In a program of a supervisor: end when that dies, by SIGTERM, and for certain after STOP_S."""
    if not supervised():
        return

    def wait():
        os.read(descriptor, 1)  # returns at the end of the pipe only: nobody writes
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_S)
        os._exit(1)

    descriptor = int(os.environ[PIPE])
    threading.Thread(target=wait, name="parent", daemon=True).start()
