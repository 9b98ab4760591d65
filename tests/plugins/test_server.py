"""The real process: start before anything else, serve, stop in time."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.plugins.site_helpers import BOT

PROGRAM = """
import logging, sys
from pathlib import Path
from ingest.config.model import Access, Config, Token, Web
from plugins.web.app.server import run_web
logging.basicConfig(level="INFO")
sys.exit(run_web(Config(title="Hill house", timezone="Asia/Kolkata", database=Path(sys.argv[1]), web=Web(port=int(sys.argv[2])),
    access=Access(tokens=(Token("bot", sys.argv[3], frozenset({"edit"})),)))))
"""


def start(database, port=0):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(database), str(port), BOT],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def address(process):
    for line in process.stderr:
        if "the site is at " in line:
            return line.split("the site is at ")[1].strip().rstrip("/")
    raise AssertionError("the site did not start")


@pytest.fixture
def process(tmp_path):
    process = start(tmp_path / "new" / "house.db")
    yield process
    process.kill()
    process.wait()
    process.stderr.close()


def fetch(url, data=None, headers=None):
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_site_starts_first_serves_and_stops_in_time(process, tmp_path):
    url = address(process)
    assert (tmp_path / "new" / "house.db").exists()
    status, text = fetch(url + "/")
    assert status == 200 and "Hill house" in text
    status, text = fetch(
        url + "/telemetry.json?sql=select+strftime('%25H:%25M',0,'unixepoch','localtime')+as+t&_shape=array"
    )
    assert json.loads(text) == [{"t": "05:30"}]  # the zone of the config, not of the machine
    status, text = fetch(
        url + "/telemetry/set_location", b"node=1&location=x", {"authorization": f"Bearer {BOT}"}
    )
    assert status == 404 and json.loads(text) == {
        "ok": False,
        "errors": ["No node 1: the table nodes has no such id"],
    }
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - before < 5


def test_a_port_that_is_taken_ends_the_start_in_words(process, tmp_path):
    port = address(process).rpartition(":")[2]
    second = start(tmp_path / "other.db", port)
    _, errors = second.communicate(timeout=30)
    assert second.returncode == 1 and f"cannot listen on 127.0.0.1:{port}" in errors


@pytest.mark.parametrize(
    ("path", "status"), [("/telemetry/set_location", 401), ("/-/login", 413), ("/nodes", 405), ("/none", 405)]
)
def test_a_refusal_reaches_who_sends_much(process, path, status):
    url = address(process)
    sent = b"username=x&password=" + b"x" * 5_000_000
    got, text = fetch(url + path, sent)
    assert got == status and json.loads(text)["ok"] is False
