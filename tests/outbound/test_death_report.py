"""A part that ends again and again: stored where `outbound` runs, else sent from the short process itself."""

import http.server
import json
import subprocess
import sys
import threading

import pytest

from ingest.db.connection import connect
from outbound.sending_lock import lock_sending
from tests.helpers.new_database import new_database
from tests.programs import ROOT, child_environment

CONFIG = """database: t.db
timezone: UTC
gateways: [{{name: main, tcp: "127.0.0.1:1"}}]
alerts: {{targets: [{{name: phone, url: "json://127.0.0.1:{port}/secret"}}]}}
"""


class Phone:
    """An HTTP server that notes the messages that it gets."""

    def __init__(self):
        self.got, phone = [], self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                phone.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def phone():
    phone = Phone()
    yield phone
    phone.server.shutdown()
    phone.server.server_close()


@pytest.fixture
def folder(tmp_path, phone):
    new_database(tmp_path / "t.db")
    (tmp_path / "config.yml").write_text(CONFIG.format(port=phone.server.server_port))
    return tmp_path


def report(folder, name):
    command = [sys.executable, "-m", "voltkeeper", "outbound", "--config", str(folder / "config.yml")]
    arguments = ["--report-death", name, "--why", "3 times within 10 min, the last time with exit code 1"]
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=child_environment(), capture_output=True, text=True, timeout=60
    )
    assert "secret" not in done.stdout + done.stderr
    return done.returncode


def events(folder):
    connection = connect(folder / "t.db", readonly=True)
    try:
        return connection.execute("select event, name, ended_at is null from all_events").fetchall()
    finally:
        connection.close()


def test_without_outbound_it_is_sent_at_once_and_not_again_within_an_hour(folder, phone):
    assert report(folder, "voltkeeper-ingest.service") == 0
    [message] = phone.got
    assert message["title"].startswith("Ingest: ends again and again")
    assert "3 times within 10 min, the last time with exit code 1" in message["message"]
    assert events(folder) == []
    assert report(folder, "ingest") == 0
    assert len(phone.got) == 1


def test_with_outbound_it_is_an_event_that_outbound_sends(folder, phone):
    lock_sending(folder / "t.db")
    assert report(folder, "ingest") == 0
    assert report(folder, "ingest") == 0
    assert (phone.got, events(folder)) == ([], [("PART_DIES", "ingest", 1)])


def test_where_nothing_can_be_sent_it_fails(folder, phone):
    phone.server.shutdown()
    phone.server.server_close()
    assert report(folder, "outbound") == 1
