"""The real process: it starts first, serves, and stops in time."""

import json
import sys
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
access = Access(tokens=(Token("bot", sys.argv[3], frozenset({"edit"})),))
web, database = Web(port=int(sys.argv[2])), Path(sys.argv[1])
config = Config(title="Hill house", timezone="Asia/Kolkata", database=database, web=web, access=access)
sys.exit(run_web(config))
"""


@pytest.fixture
def start_site(start, tmp_path):
    """A function that starts the site over a database; `address` gives where it is."""

    def run(database, port=0):
        return start(sys.executable, "-c", PROGRAM, database, port, BOT)

    return run


def address(program):
    return program.wait_text(r"(?<=the site is at )\S+").rstrip("/")


@pytest.fixture
def process(start_site, tmp_path):
    return start_site(tmp_path / "new" / "house.db")


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
    forged = urllib.request.Request(
        url, headers={"x-forwarded-proto": "https", "x-forwarded-for": "10.0.0.1"}
    )
    with urllib.request.urlopen(forged, timeout=10) as response:
        assert "strict-transport-security" not in response.headers  # no proxy is named in the config
    status, text = fetch(
        url + "/telemetry/set_location", b"node=1&location=x", {"authorization": f"Bearer {BOT}"}
    )
    assert status == 404 and json.loads(text) == {
        "ok": False,
        "errors": ["No node 1: the table nodes has no such id"],
    }
    assert process.end() == 0


def test_a_port_that_is_taken_ends_the_start_with_a_message(process, start_site, tmp_path):
    port = address(process).rpartition(":")[2]
    second = start_site(tmp_path / "other.db", port)
    assert second.wait(120) == 1 and f"cannot listen on 127.0.0.1:{port}" in second.text


@pytest.mark.parametrize(
    ("path", "status"), [("/telemetry/set_location", 401), ("/-/login", 413), ("/nodes", 405), ("/none", 405)]
)
def test_a_refusal_reaches_the_sender_of_a_large_body(process, path, status):
    url = address(process)
    sent = b"username=x&password=" + b"x" * 5_000_000
    got, text = fetch(url + path, sent)
    assert got == status and json.loads(text)["ok"] is False
