"""Ties a child process to its parent: when the parent is gone, however it went, the child ends too.

The parent holds the writing end of a pipe and never writes. Its end of file is what a child waits for.
"""

import os
import signal
import threading
import time

VARIABLE = "VOLTKEEPER_LIFELINE"
GRACE_S = 15  # for an orderly end; then the process is ended at once


def hold_lifeline():
    """In a child: end this process by SIGTERM when the parent is gone. Does nothing without a parent of this kind."""
    number = os.environ.pop(VARIABLE, None)
    if number is not None:
        threading.Thread(target=_wait, args=(int(number),), name="lifeline", daemon=True).start()


def _wait(pipe):
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)
