"""Notifications of ingest and web to systemd, on a real socket: ready, watchdog, stopping."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from ingest.process import systemd as notify
from tests.deploy.conftest import Manager
from voltkeeper.parent_pipe import PIPE

ROOT = Path(__file__).parents[2]
PORT_LINE = "the site is at http://127.0.0.1:"


def watched(manager, seconds):
    return {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(int(seconds * 1e6))}


def test_ingest_notifies_ready_watchdog_and_stopping(voltkeeper, write_config, manager):
    write_config("")
    program = voltkeeper("ingest", **watched(manager, 0.8))
    assert manager.receive(20) == "READY=1"
    assert [manager.receive(5) for _ in range(5)] == ["WATCHDOG=1"] * 5
    program.process.send_signal(signal.SIGTERM)
    while (state := manager.receive(5)) == "WATCHDOG=1":
        continue
    assert state == "STOPPING=1"
    assert program.wait() == 0
    assert manager.receive(0.5) is None


def test_ingest_sends_its_watchdog_while_the_database_is_locked(voltkeeper, write_config, manager, tmp_path):
    write_config("database: house.db\ncommit_s: 0.1\ngateways: [{name: main, tcp: '127.0.0.1:1'}]")
    program = voltkeeper("ingest", **watched(manager, 2))
    assert manager.receive(20) == "READY=1"
    assert manager.receive(5) == "WATCHDOG=1"
    other = sqlite3.connect(tmp_path / "house.db", isolation_level=None)
    other.execute("begin exclusive")
    # A restart would not help, and would lose what it holds: it goes on for longer than the watchdog's time.
    assert [manager.receive(5) for _ in range(6)] == ["WATCHDOG=1"] * 6
    assert program.process.poll() is None
    other.execute("rollback")
    other.close()
    assert program.end() == 0


def test_the_site_notifies_ready_when_it_answers(voltkeeper, write_config, manager, wait_for):
    write_config("web: {port: 0}")
    program = voltkeeper("web", **watched(manager, 0.8))
    assert manager.receive(30) == "READY=1"
    # A separate thread writes the log.
    wait_for(lambda: "/" in program.text.partition(PORT_LINE)[2], timeout=20)
    port = program.text.partition(PORT_LINE)[2].partition("/")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        assert answer.status == 200
    assert [manager.receive(5) for _ in range(3)] == ["WATCHDOG=1"] * 3
    os.kill(program.pid, signal.SIGSTOP)
    manager.wait_until_quiet(1.0)
    os.kill(program.pid, signal.SIGCONT)
    assert manager.receive(5) == "WATCHDOG=1"
    program.process.send_signal(signal.SIGTERM)
    while (state := manager.receive(5)) == "WATCHDOG=1":
        continue
    assert state == "STOPPING=1"
    assert program.wait() == 0


def test_children_of_up_send_no_notifications(voltkeeper, write_config, manager, wait_for, free_port):
    port = free_port()
    write_config(f"web: {{port: {port}}}")
    program = voltkeeper("up", **watched(manager, 0.8))
    wait_for(lambda: f"Voltkeeper is at http://127.0.0.1:{port}/" in program.text, timeout=30)
    assert manager.receive(0.5) is None
    assert program.end() == 0


async def yes(seconds):
    return True


async def no(seconds):
    return False


def feed(alive, seconds, monkeypatch, manager, blocked_s=0.0):
    for name, value in watched(manager, seconds).items():
        monkeypatch.setenv(name, value)

    async def run():
        feeding = asyncio.create_task(notify.feed_watchdog(alive))
        await asyncio.sleep(seconds * 0.6)
        time.sleep(blocked_s)
        feeding.cancel()

    asyncio.run(run())
    states = []
    while state := manager.receive(0.05):
        states.append(state)
    return states


# In 0.6 of its time the watchdog is fed at 0, 0.25 and 0.5 of it; a busy machine may miss the last one.
def test_the_watchdog_is_fed_every_quarter_of_its_time(monkeypatch, manager):
    assert feed(yes, 4.0, monkeypatch, manager) in (["WATCHDOG=1"] * 3, ["WATCHDOG=1"] * 2)


def test_a_loop_that_hangs_does_not_feed_the_watchdog(monkeypatch, manager):
    fed = feed(yes, 0.8, monkeypatch, manager, blocked_s=1.0)
    assert fed in (["WATCHDOG=1"] * 3, ["WATCHDOG=1"] * 2)  # seven without the pause


def test_an_unresponsive_process_is_logged_once_and_not_fed(monkeypatch, manager, caplog):
    assert feed(no, 0.8, monkeypatch, manager) == []
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("2000000", None, 2.0),
        ("2000000", str(os.getpid()), 2.0),
        ("2000000", "1", 0.0),
        (None, None, 0.0),
        ("x", None, 0.0),
    ],
    ids=["any process", "this process", "another process", "no watchdog", "no number"],
)
def test_the_watchdog_is_for_the_process_that_it_names(monkeypatch, usec, pid, seconds):
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert notify.watchdog_s() == seconds


def test_the_abstract_namespace(monkeypatch):
    one = Manager(f"@voltkeeper-test-{os.getpid()}")
    monkeypatch.setenv("NOTIFY_SOCKET", one.address)
    try:
        assert notify.notify(notify.READY)
        assert one.receive(1) == "READY=1"
    finally:
        one.close()


def test_no_socket_listens(monkeypatch, tmp_path, caplog):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify.notify(notify.READY)
    assert caplog.text == ""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify.notify(notify.READY)
    assert "systemd did not get READY=1" in caplog.text


def test_a_child_does_not_inherit_the_variables_of_systemd(manager):
    reading, writing = os.pipe()
    code = "import os; from voltkeeper.parent_pipe import follow_parent; follow_parent(); print(*os.environ)"
    environment = {**os.environ, **watched(manager, 0.8), PIPE: str(reading), "PYTHONPATH": str(ROOT)}
    try:
        child = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            pass_fds=(reading,),
            capture_output=True,
            text=True,
            timeout=20,
        )
    finally:
        os.close(writing)
        os.close(reading)
    assert PIPE in child.stdout.split()
    assert not {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"} & set(child.stdout.split())
