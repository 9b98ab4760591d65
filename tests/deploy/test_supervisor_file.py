"""Debian's supervisor with the shipped file: starts, restarts what is killed, stops."""

import configparser
import getpass
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUPERVISORD = shutil.which("supervisord")

if SUPERVISORD is None:
    if os.environ.get("CI"):
        pytest.fail("CI has to install supervisor", pytrace=False)
    pytest.skip("no supervisord on this machine: apt install supervisor", allow_module_level=True)

AROUND = """
[unix_http_server]
file={folder}/s.sock
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/s.sock
[include]
files = {folder}/voltkeeper.conf
"""


@pytest.fixture
def supervisor(start, tmp_path, wait_for):
    """A running supervisord; yields a function that runs supervisorctl: {first word of a line: others}."""
    text = (ROOT / "deploy/supervisor/voltkeeper.conf").read_text()
    command = tmp_path / "voltkeeper"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m voltkeeper "$@"\n')
    command.chmod(0o755)
    for shipped, here in (
        ("/opt/voltkeeper/.venv/bin/voltkeeper", command),
        ("/etc/voltkeeper/config.yml", tmp_path / "config.yml"),
        ("directory=/var/lib/voltkeeper", f"directory={tmp_path}"),
        ("/var/log/supervisor/", f"{tmp_path}/"),
        ("user=voltkeeper", f"user={getpass.getuser()}"),
    ):
        assert text.count(shipped) == 2
        text = text.replace(shipped, str(here))
    (tmp_path / "voltkeeper.conf").write_text(text)
    user = "user=root" if os.geteuid() == 0 else ""
    (tmp_path / "supervisord.conf").write_text(AROUND.format(folder=tmp_path, user=user))
    program = start(SUPERVISORD, "-c", tmp_path / "supervisord.conf")

    def ask(*arguments):
        done = subprocess.run(
            [shutil.which("supervisorctl"), "-c", tmp_path / "supervisord.conf", *arguments],
            capture_output=True,
            text=True,
            timeout=30,
        )
        return {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.split()[1:]}

    yield ask
    assert program.end(timeout=30) == 0
    wait_for(lambda: program.family() == [])


def states(answer):
    return {name: words[0] for name, words in answer.items()}


@pytest.mark.parametrize("name", ["outbound", "plan"])
def test_an_optional_program_is_run_as_the_others(name):
    def program(name, file):
        parser = configparser.RawConfigParser()
        parser.read(ROOT / "deploy/supervisor" / file)
        return dict(parser[f"program:voltkeeper-{name}"])

    web, other = program("web", "voltkeeper.conf"), program(name, f"voltkeeper-{name}.conf")
    differing = {key for key in web | other if web.get(key) != other.get(key)}
    assert differing == {"command", "stdout_logfile", "stopwaitsecs"}
    assert other["command"] == web["command"].replace(" web ", f" {name} ")


RUNNING = {"voltkeeper:voltkeeper-ingest": "RUNNING", "voltkeeper:voltkeeper-web": "RUNNING"}


def test_both_programs_run_and_are_restarted(write_config, free_port, supervisor, wait_for, tmp_path):
    log = tmp_path / "voltkeeper-ingest.log"
    wait_for(lambda: log.exists() and "copy config.example.yml" in log.read_text(), timeout=20)
    port = free_port()
    write_config(f"title: Hill house\ndatabase: house.db\nweb: {{port: {port}}}")
    wait_for(lambda: states(supervisor("status")) == RUNNING, timeout=30)

    def page():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    assert "Hill house" in wait_for(page, timeout=30)
    pid = int(supervisor("status")["voltkeeper:voltkeeper-ingest"][2].rstrip(","))
    os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: f"pid {pid}," not in " ".join(supervisor("status")["voltkeeper:voltkeeper-ingest"]),
        timeout=20,
    )
    wait_for(lambda: states(supervisor("status")) == RUNNING, timeout=30)
    supervisor("stop", "voltkeeper:*")
    assert set(states(supervisor("status")).values()) == {"STOPPED"}
    assert "everything received is stored" in log.read_text()
