"""Real processes for tests: started, observed and ended with timeouts, and killed after the test."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
URL = r"http://127\.0\.0\.1:\d+"
SOURCES = {"--config", "--gateway", "--nut", "--must"}  # options in place of the demo house
PORTS = 15_000, 32_000  # Linux gives out 32,768 and more
START_S = 180.0  # for a program to be ready on a busy machine


def free_port() -> int:
    """A TCP port on which nothing listens, and which the system gives to no other program by itself."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


def wait_until(found: Callable[[], T], timeout: float = 30.0, every: float = 0.05) -> T:
    """Call `found` until it returns a true value, and return that; fails after `timeout` seconds."""
    until = time.monotonic() + timeout
    while not (value := found()):
        assert time.monotonic() < until, f"not true within {timeout} s"
        time.sleep(every)
    return value


def child_environment(**variables: str) -> dict[str, str]:
    """The environment without settings of Voltkeeper, in which this checkout is imported."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("VOLTKEEPER_")}
    return inherited | {"PYTHONPATH": str(ROOT), **variables}


class Program:
    """A running process whose output goes to a file that the test can read at any time."""

    def __init__(self, command: Sequence[object], folder: Path, environment: Mapping[str, str] | None = None):
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                env=child_environment() if environment is None else environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.pid = self.process.pid

    @property
    def text(self) -> str:
        """What it has written so far, to stdout and stderr."""
        return self.output.read_text()

    def wait(self, timeout: float = 60) -> int:
        """The exit code."""
        return self.process.wait(timeout)

    def wait_text(self, pattern: str, timeout: float = START_S) -> str:
        """The first match in the output; fails when the process ends or after `timeout`."""
        until = time.monotonic() + timeout
        while not (match := re.search(pattern, self.text)):
            assert self.process.poll() is None, f"it ended with {self.process.poll()}: {self.text}"
            assert time.monotonic() < until, f"no {pattern!r} within {timeout} s: {self.text}"
            time.sleep(0.05)
        return match[0]

    def end(self, number: int = signal.SIGTERM, timeout: float = 60) -> int:
        """Signal the process and return its exit code."""
        self.process.send_signal(number)
        return self.wait(timeout)

    def family(self) -> list[int]:
        """Process ids in the session of this process."""
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _session(pid) == self.pid]

    def kill(self) -> None:
        """Kill every process of its session."""
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _session(pid: str) -> int | None:
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended meanwhile
        return None
    return None if state == "Z" else int(rest[2])


@contextmanager
def running_site(
    folder: Path,
    *arguments: object,
    command: Sequence[object] = (sys.executable, "-m", "voltkeeper"),
    **variables: str,
) -> Iterator[str]:
    """`voltkeeper ARGUMENTS` in a folder until the block ends; yields the URL that it printed.

    A demo house has its history by then.
    """
    program = Program([*command, *arguments], folder, child_environment(**variables))
    try:
        url = program.wait_text(URL)
        if arguments[:1] == ("up",) and not SOURCES & {*arguments} and not (folder / "config.yml").exists():
            wait_until((folder / "data/demo/began").is_file, START_S)
        yield url
        program.end(timeout=30)
    finally:
        program.kill()
