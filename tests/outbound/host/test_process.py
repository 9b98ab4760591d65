"""The real process: what it finds wrong with the machine arrives, and its end, too."""

import subprocess
import sys
import time

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.helpers.new_database import new_database
from tests.outbound.senders.http_receiver import receiving
from tests.programs import ROOT, child_environment, wait_until

CONFIG = """database: t.db
timezone: UTC
web: {{port: {port}}}
backup: {{folder: copies}}
alerts: {{targets: [{{name: phone, url: "json://{place}/x"}}]}}
"""
LIMIT_S = 90.0  # of each wait, on a busy machine


@pytest.fixture
def database(tmp_path):
    return new_database(tmp_path / "t.db")


def save_backup(database, outcome, detail):
    connection = connect(database)
    connection.execute(
        "insert or replace into chores (name, outcome, detail, ended_at) values ('backup', ?, ?, ?)",
        (outcome, detail, format_utc(time.time())),
    )
    connection.close()


def test_a_backup_that_failed_and_one_that_worked(tmp_path, database, free_port):
    save_backup(database, "failed", "the disk is full")
    with receiving() as receiver:
        text = CONFIG.format(port=free_port(), place=receiver.place)
        (tmp_path / "config.yml").write_text(text)
        command = [sys.executable, "-m", "voltkeeper", "outbound", "--config", str(tmp_path / "config.yml")]
        process = subprocess.Popen(
            command, cwd=ROOT, env=child_environment(), stderr=(tmp_path / "log").open("w")
        )
        try:
            wait_until(lambda: len(receiver.taken) == 1, LIMIT_S)
            save_backup(database, "done", "t-2026-11-30.db")
            wait_until(lambda: len(receiver.taken) == 2, LIMIT_S)
        finally:
            process.terminate()
            process.wait(30)
        begun, ended = (message["title"] for message in receiver.taken)
        assert begun == "Backup: failed, the disk is full"
        assert ended.startswith("Backup: works again after")
