"""The heartbeat to a watchdog elsewhere: real HTTP servers, what is logged, and what status reads."""

import asyncio
import http.server
import logging
import threading
import time

import pytest

from ingest.config.alerts import OutsideHeartbeat
from outbound.heartbeat import HeartbeatSender, read_outcome, send_heartbeat
from tests.programs import free_port

SECRET = "6f1c9b52-0b0e-4a55"


class Watchdog:
    """An HTTP server on a port of its own that notes what it is asked."""

    def __init__(self):
        self.asked, self.status, watchdog = [], 200, self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                watchdog.asked.append((time.monotonic(), self.path))
                self.send_response(watchdog.status)
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}/ping/{SECRET}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def watchdog():
    watchdog = Watchdog()
    yield watchdog
    watchdog.close()


def run(sender, until):
    """Let it send until `until()` is true."""

    async def play():
        task = asyncio.create_task(sender.run())
        async with asyncio.timeout(20):
            while not until():
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(play())


def sender_to(url, path, every_s=0.1, fault=lambda: ""):
    return HeartbeatSender(OutsideHeartbeat(url, every_s), path, fault)


def test_it_asks_every_so_often_and_status_knows(watchdog, tmp_path):
    database = tmp_path / "t.db"
    assert read_outcome(database) is None
    run(sender_to(watchdog.url, database), lambda: len(watchdog.asked) >= 5)
    times = [at for at, _ in watchdog.asked]
    assert times[-1] - times[0] >= 0.1 * (len(times) - 1) - 0.05, "not more often"
    assert {path for _, path in watchdog.asked} == {f"/ping/{SECRET}"}
    outcome = read_outcome(database)
    assert (outcome.is_right, outcome.fault, outcome.address) == (True, "", "http://127.0.0.1")
    assert outcome.describe() == "http://127.0.0.1: last taken 0 s ago"


def test_it_is_not_sent_while_ingest_stands_still(watchdog, tmp_path):
    faults = ["ingest does not read main"]
    database = tmp_path / "t.db"
    sender = sender_to(watchdog.url, database, fault=lambda: faults[-1])
    run(sender, lambda: read_outcome(database) is not None)
    assert watchdog.asked == []
    assert read_outcome(database).describe() == (
        "http://127.0.0.1: not sent: ingest does not read main; never taken"
    )
    faults.append("")
    run(sender, lambda: watchdog.asked)


@pytest.mark.parametrize("status", [404, 500, 302])
def test_a_failure_is_logged_once_and_its_end_too_without_the_secret(watchdog, tmp_path, caplog, status):
    caplog.set_level(logging.INFO)
    watchdog.status = status
    sender = sender_to(watchdog.url, tmp_path / "t.db")
    run(sender, lambda: len(watchdog.asked) >= 4)
    [failed] = caplog.records
    assert (failed.levelname, f"status {status}" in failed.getMessage()) == ("ERROR", True)
    assert not read_outcome(tmp_path / "t.db").is_right
    watchdog.status = 200
    run(sender, lambda: len(caplog.records) > 1)
    assert [record.getMessage() for record in caplog.records[1:]] == [
        "Heartbeat to http://127.0.0.1: it is taken again"
    ]
    assert SECRET not in caplog.text


def test_nobody_listens():
    assert send_heartbeat(f"http://127.0.0.1:{free_port()}/{SECRET}") == "no answer: Connection refused"


@pytest.mark.parametrize("path", ["ä/ö", "a b", "%zz", "x" * 100_000])
def test_an_odd_address_is_a_failure_and_no_exception(path):
    assert send_heartbeat(f"http://127.0.0.1:{free_port()}/{path}").startswith("no answer: ")


def test_a_host_that_does_not_exist():
    assert send_heartbeat(f"http://nowhere.invalid/{SECRET}").startswith("no answer: ")


def test_an_outcome_that_is_old_is_not_right(watchdog, tmp_path):
    run(sender_to(watchdog.url, tmp_path / "t.db"), lambda: read_outcome(tmp_path / "t.db"))
    outcome = read_outcome(tmp_path / "t.db")
    assert not type(outcome)("x", "", 10.0, 50.0, 50.0).is_right
    assert outcome.is_right
