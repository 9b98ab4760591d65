"""What all tests may use: free ports, configs, waiting, and real `voltkeeper` processes that never outlive a test."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def free_port():
    """A function that gives a TCP port on 127.0.0.1 that nobody listens on."""

    def find():
        with socket.create_server(("127.0.0.1", 0)) as server:
            return server.getsockname()[1]

    return find


@pytest.fixture
def wait_for():
    """A function that waits until `predicate()` is true and returns its value; fails after `timeout` seconds."""

    def wait(predicate, timeout=10.0, every=0.05):
        until = time.monotonic() + timeout
        while not (value := predicate()):
            assert time.monotonic() < until, f"not so within {timeout} s"
            time.sleep(every)
        return value

    return wait


@pytest.fixture
def write_config(tmp_path):
    """A function that writes text to config.yml in the test's folder and returns its path."""

    def write(text):
        path = tmp_path / "config.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


class Program:
    """A running process whose output goes to a file that the test can read at any time."""

    def __init__(self, command, folder, environment):
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.pid = self.process.pid

    @property
    def text(self):
        return self.output.read_text()

    def wait(self, timeout=20):
        """The exit code."""
        return self.process.wait(timeout)

    def end(self, number=signal.SIGTERM, timeout=20):
        """Signal the process and return its exit code."""
        self.process.send_signal(number)
        return self.wait(timeout)

    def family(self):
        """Process ids that live in the session of this process."""
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _session(pid) == self.pid]


def _session(pid):
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended while we looked
        return None
    return None if state == "Z" else int(rest[2])


@pytest.fixture
def start(tmp_path):
    """A function that starts a command in the test's folder; whatever it leaves behind is killed at the end."""
    programs = []

    def run(*command, **environment):
        variables = {k: v for k, v in os.environ.items() if not k.startswith("VOLTKEEPER_")}
        variables |= {"PYTHONPATH": str(ROOT), **environment}
        programs.append(Program([str(word) for word in command], tmp_path, variables))
        return programs[-1]

    yield run
    for program in programs:
        for pid in program.family():
            os.kill(pid, signal.SIGKILL)
        program.process.wait()


@pytest.fixture
def voltkeeper(start):
    """A function that starts `voltkeeper ARGUMENTS`."""

    def run(*arguments, **environment):
        return start(sys.executable, "-m", "voltkeeper", *arguments, **environment)

    return run
