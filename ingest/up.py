"""`voltkeeper up`: the programs of the house as children of one process, restarted when they die, ended together."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from ingest.lifeline import VARIABLE

log = logging.getLogger(__name__)

FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 60.0
SETTLED_S = 60.0  # a child that ran this long starts again without a back-off
GRACE_S = 10.0  # from SIGTERM to SIGKILL
WRONG_USAGE = 2  # a child that ends with it would do so again: everything ends


@dataclass
class Child:
    """One program: its name, its command line, and how it fares."""

    name: str
    command: list
    process: subprocess.Popen | None = None
    started: float = 0.0
    backoff: float = FIRST_BACKOFF_S
    due: float = 0.0


class Supervisor:
    """Runs commands until SIGTERM, SIGINT or a child that says that its usage is wrong."""

    def __init__(self, commands):
        self._children = [Child(name, command) for name, command in commands]
        self._stop = threading.Event()

    def run(self):
        """Returns the exit code: 0 after a signal, 2 when a child ended with 2."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        reading, writing = os.pipe()
        code = 0
        try:
            while not self._stop.wait(0.1):
                for child in self._children:
                    code = self._tend(child, reading)
                    if code == WRONG_USAGE:
                        return code
        finally:
            self._end()
            os.close(writing)
            os.close(reading)
        return 0

    def _tend(self, child, lifeline):
        now = time.monotonic()
        if child.process is None:
            if now >= child.due:
                child.process = subprocess.Popen(
                    child.command, pass_fds=(lifeline,), env={**os.environ, VARIABLE: str(lifeline)}
                )
                child.started = now
            return 0
        code = child.process.poll()
        if code is None:
            return 0
        child.process = None
        if code == WRONG_USAGE:
            log.error("%s cannot run as it is told to; ending", child.name)
            return code
        if now - child.started >= SETTLED_S:
            child.backoff = FIRST_BACKOFF_S
        child.due = now + child.backoff
        log.error("%s ended with %s; starting it again in %.0f s", child.name, _words(code), child.backoff)
        child.backoff = min(child.backoff * 2, LAST_BACKOFF_S)
        return 0

    def _end(self):
        running = [child for child in self._children if child.process is not None]
        for child in running:
            child.process.terminate()
        deadline = time.monotonic() + GRACE_S
        for child in running:
            try:
                child.process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("%s does not end by itself; killing it", child.name)
                child.process.kill()
                child.process.wait()


def _words(code):
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def say_when_open(url, name):
    """Print the address once the site really answers; in a thread, so that nothing waits for it."""

    def wait():
        while True:
            try:
                urllib.request.urlopen(url + "/-/pulse.json", timeout=5).close()
            except urllib.error.HTTPError:
                break  # an answer, if not for everybody
            except OSError:
                time.sleep(0.2)
                continue
            break
        print(f"{name} is open at {url}/", flush=True)

    threading.Thread(target=wait, daemon=True).start()


def voltkeeper(*arguments):
    """The command line of one of our own programs."""
    return [sys.executable, "-m", "ingest", *arguments]
