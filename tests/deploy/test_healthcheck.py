"""The health check of a container beside the process that sends alerts."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.helpers.new_database import new_database

ROOT = Path(__file__).resolve().parents[2]
ALERTS = "alerts: {targets: [{name: log, command: ['true']}]}"


class Site(BaseHTTPRequestHandler):
    """A site that answers."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def check(tmp_path):
    """Run the health check on a config; returns what it prints."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        new_database(tmp_path / "house.db")

        def run(more=""):
            port = server.server_address[1]
            (tmp_path / "config.yml").write_text(f"database: house.db\nweb: {{port: {port}}}\n{more}\n")
            command = [sys.executable, ROOT / "deploy/healthcheck.py", tmp_path / "config.yml"]
            environment = {"PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == (done.stdout != "healthy\n"), done.stderr
            return done.stdout.strip()

        yield run
        server.shutdown()


def test_alerts_that_nothing_sends_are_a_fault(check, voltkeeper, wait_for, tmp_path):
    assert check() == "healthy"
    assert check(ALERTS) == "outbound does not run: alerts and reports wait"
    program = voltkeeper("outbound", "--config", tmp_path / "config.yml")
    wait_for(lambda: "Sending to log" in program.text, timeout=30)
    assert check(ALERTS) == "healthy"
