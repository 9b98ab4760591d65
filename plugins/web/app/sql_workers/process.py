"""A worker process as the site sees it: started when needed, killed when it is late."""

import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from plugins.web.app.sql_workers.wire import Query, QueryAnswer, pack, unpack_answer

ROOT = Path(__file__).resolve().parents[4]
KILL_S = 0.5  # after its deadline
START_S = 10
# The variables that the interpreter and the time zones need. The others may be secrets of the config.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONHOME", "PYTHONTZPATH")

LATE = QueryAnswer(error="interrupted", interrupted=True)

log = logging.getLogger(__name__)


class WorkerProcess:
    """Runs one query at a time. Its methods block: call them in a thread."""

    def __init__(self, database: Path, timezone: str) -> None:
        self._arguments = (str(database), timezone)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process, None while there is none."""
        return self._process.pid if self._process else None

    def ask(self, query: Query) -> QueryAnswer:
        """The answer, at the latest KILL_S after the deadline. What goes wrong is an answer as well."""
        # One that the kernel killed while it waited, for want of memory, is noticed only when it is asked.
        return self._try(query) or self._try(query) or QueryAnswer(error="the query ended its process")

    def _try(self, query: Query) -> QueryAnswer | None:
        """The answer; None where the process has ended by itself."""
        if query.deadline <= time.monotonic():
            return LATE
        asked_at = time.monotonic()
        try:
            channel = self._start()
        except (OSError, EOFError) as error:
            self.end()
            log.error("no process for SQL can be started: %s", error or "it ended at once")
            return QueryAnswer(error="no process for SQL can be started: the log has the reason")
        # A start takes no time from the query.
        query = query._replace(deadline=query.deadline + time.monotonic() - asked_at)
        until = query.deadline + KILL_S
        try:
            _set_timeout(channel, until)
            channel.sendall(pack(query))
            return unpack_answer(lambda count: _receive(channel, count, until))
        except TimeoutError:
            self.end()
            return LATE
        except (OSError, EOFError, ValueError):
            if self._process is None:  # ended by `end`, in another thread
                return LATE
            self.end()
            return None

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        channel, self._socket = self._socket, None
        if process:  # first, so that a thread which waits for it sees an end of file
            process.kill()
            process.wait()
        if channel:
            channel.close()

    def _start(self) -> socket.socket:
        if self._process and self._process.poll() is not None:
            self.end()
        if self._socket is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "plugins.web.app.sql_workers.worker", *self._arguments],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    env=self._environment(),
                )
            self._socket = ours
            unpack_answer(lambda count: _receive(ours, count, time.monotonic() + START_S))  # it is ready
        return self._socket

    def _environment(self) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        # Views count days with SQLite's 'localtime'.
        return {**passed_on, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "TZ": self._arguments[1]}


def _receive(channel: socket.socket, count: int, until: float) -> bytearray:
    data = bytearray(count)
    view = memoryview(data)
    while view:
        _set_timeout(channel, until)
        received = channel.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return data


def _set_timeout(channel: socket.socket, until: float) -> None:
    channel.settimeout(max(0.001, until - time.monotonic()))
