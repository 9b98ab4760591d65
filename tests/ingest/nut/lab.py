"""A real upsd with dummy-ups drivers in a private tree: started, edited, frozen and killed by tests.

    with Lab({"rack": Path("tests/devices/eaton-3s-550.dev"), "desk": "ups.status: OL"}) as lab:
        lab.wait("rack")
        lab.freeze(lab.upsd)

Nothing outside the tree is read or written; every process is a child that `stop()` ends.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from tests.programs import free_port

ROOT = Path(__file__).parent.parent.parent.parent
DEVICES = Path(__file__).parent.parent.parent / "devices"
FOLDERS = ("/lib/nut", "/usr/lib/nut", "/usr/libexec/nut", "/usr/sbin", "/sbin")
USER, PASSWORD = "admin", 'sec ret"1'

Value = TypeVar("Value")


def nut_program(name: str) -> str:
    """The path of upsd or dummy-ups itself (Debian's /sbin/upsd is a wrapper); skips without NUT."""
    for folder in FOLDERS:
        path = Path(folder, name)
        if os.access(path, os.X_OK):
            return str(path)
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed: apt-get install nut-server")
    pytest.skip(f"{name} is not installed: apt-get install nut-server")


WAIT_S = 60.0  # for what takes a second or two on a machine with nothing else to do


def until(get: Callable[[], Value], wanted: Callable[[Value], bool], seconds: float = WAIT_S) -> Value:
    """Ask until the answer is wanted; the last one if it never is, so that an assertion shows it."""
    deadline = time.monotonic() + seconds
    while True:
        value = get()
        if wanted(value) or time.monotonic() > deadline:
            return value
        time.sleep(0.05)


class Lab:
    """A tree, and what runs in it.

    `ups`: name -> device file (.dev or .seq) to copy, or the text of one; a dict is for `driver.py`.
    `users` are further sections of upsd.users, `conf` further lines of upsd.conf.
    """

    def __init__(
        self,
        ups: Mapping[str, Path | str | dict],
        maxage: int = 5,
        start: bool = True,
        users: str = "",
        conf: str = "",
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nutlab"))
        self.etc, self.run = self.folder / "etc", self.folder / "run"
        self.port = free_port()
        self.files: dict[str, Path] = {}
        self.drivers: dict[str, subprocess.Popen] = {}
        self.upsd: subprocess.Popen | None = None
        self._user = ["-u", "root"] if os.getuid() == 0 else []
        self._environment = os.environ | {
            "NUT_CONFPATH": str(self.etc),
            "NUT_STATEPATH": str(self.run),
            "NUT_ALTPIDPATH": str(self.run),
        }
        self._configure(ups, maxage, users)
        with (self.etc / "upsd.conf").open("a") as file:
            file.write(conf)
        if start:
            for name in ups:
                self.start_driver(name)
            self.start_upsd()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_driver(self, name: str) -> None:
        """Start the driver of one UPS, anew if there was one."""
        for left in self.run.glob(f"dummy-ups-{name}*"):
            left.unlink()  # a stale PID file makes the driver wait for seconds
        if self.files[name].suffix == ".json":
            command = [
                sys.executable,
                "-m",
                "tests.ingest.nut.driver",
                str(self.run / f"dummy-ups-{name}"),
                str(self.files[name]),
            ]
            self.drivers[name] = self._run(command, f"driver-{name}")
            return
        self.drivers[name] = self._start("dummy-ups", f"driver-{name}", "-a", name)

    def start_upsd(self) -> None:
        """Start upsd, anew if there was one, and wait until it listens."""
        for left in self.run.glob("upsd.pid"):
            left.unlink()
        self.upsd = self._start("upsd", "upsd")

        def listens() -> bool:
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", self.port)) == 0

        assert until(listens, bool), (self.folder / "upsd.log").read_text()

    def client(
        self, timeout: float = 2, username: str | None = USER, password: str | None = PASSWORD
    ) -> NutClient:
        """A new connection."""
        return NutClient("127.0.0.1", self.port, username, password, timeout=timeout)

    def status(self, name: str) -> str:
        """`ups.status` now, or the outcome of asking for it in capitals."""
        try:
            with self.client() as client:
                return client.get_var(name, "ups.status")
        except NutError as error:
            return error.outcome.upper()

    def wait(self, name: str, wanted: str | None = None, seconds: float = 10) -> str:
        """Wait for a status (None: any real one) and return what it is then."""
        no_data = ("WAIT", "DRIVER", "STALE", "REFUSED", "TIMEOUT", "CLOSED")
        return until(
            lambda: self.status(name), lambda s: s == wanted if wanted else s not in no_data, seconds
        )

    def write(self, name: str, text: str) -> None:
        """Give a UPS another device file; dummy-ups sees it within its next round of 1 s."""
        before = self.files[name].stat().st_mtime
        self.files[name].write_text(text)
        os.utime(self.files[name], (before + 2, before + 2))

    def change(self, name: str, **values: str) -> None:
        """Change variables in a UPS's device file: `lab.change("rack", ups_status="OB")`."""
        text = self.files[name].read_text()
        for variable, value in values.items():
            variable = variable.replace("_", ".")
            lines = [line for line in text.splitlines() if not line.startswith(variable + ":")]
            text = "\n".join([*lines, f"{variable}: {value}", ""])
        self.write(name, text)

    @staticmethod
    def freeze(process: subprocess.Popen) -> None:
        """Stop a process without ending it, as a hanging host does."""
        process.send_signal(signal.SIGSTOP)

    @staticmethod
    def thaw(process: subprocess.Popen) -> None:
        """Let a frozen process go on."""
        process.send_signal(signal.SIGCONT)

    @staticmethod
    def kill(process: subprocess.Popen) -> None:
        """End a process at once and wait for it."""
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End every process and remove the tree."""
        processes = [p for p in (self.upsd, *self.drivers.values()) if p is not None]
        for process in processes:
            if process.poll() is None:
                self.kill(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def told(self, name: str) -> list[str]:
        """What the driver in `tests/nut/driver.py` was told to do, a line each."""
        log = Path(f"{self.files[name]}.log")
        return log.read_text().splitlines() if log.exists() else []

    def judge(self, name: str, verdict: str) -> None:
        """Have that driver say this of what it is told from now on."""
        self.tell(name, verdict=verdict)

    def tell(self, name: str, **changes: object) -> None:
        """Change what stands in that driver's file."""
        told = json.loads(self.files[name].read_text())
        new = self.files[name].with_suffix(".new")
        new.write_text(json.dumps(told | changes))
        new.replace(self.files[name])

    def _start(self, program: str, log: str, *arguments: str) -> subprocess.Popen:
        return self._run([nut_program(program), "-F", *arguments, *self._user], log)

    def _run(self, command: list[str], log: str) -> subprocess.Popen:
        with (self.folder / f"{log}.log").open("a") as output:
            return subprocess.Popen(command, stdout=output, stderr=output, env=self._environment, cwd=ROOT)

    def _configure(self, ups: Mapping[str, Path | str | dict], maxage: int, users: str) -> None:
        self.etc.mkdir()
        self.run.mkdir()
        (self.etc / "nut.conf").write_text("MODE=standalone\n")
        (self.etc / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {self.port}\nMAXAGE {maxage}\n")
        secret = PASSWORD.replace('"', '\\"')
        (self.etc / "upsd.users").write_text(
            f'[{USER}]\n  password = "{secret}"\n  actions = SET\n  instcmds = ALL\n  '
            f"upsmon secondary\n{users}"
        )
        (self.etc / "upsd.users").chmod(0o640)
        sections = ["maxretry = 3", "pollinterval = 1"]
        for name, device in ups.items():
            suffix = (
                device.suffix if isinstance(device, Path) else ".json" if isinstance(device, dict) else ".dev"
            )
            self.files[name] = self.etc / f"{name}{suffix}"
            text = device.read_text() if isinstance(device, Path) else device
            self.files[name].write_text(json.dumps(text) if isinstance(text, dict) else text)
            sections.append(
                f'[{name}]\n  driver = dummy-ups\n  port = {name}{suffix}\n  desc = "Test {name}"'
            )
        (self.etc / "ups.conf").write_text("\n".join(sections) + "\n")
