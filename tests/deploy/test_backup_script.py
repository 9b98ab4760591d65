"""deploy/backup: a complete copy during ingest, retention of the newest, and no partial files."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.demo_gateway import running_gateway
from tests.helpers.new_database import new_database
from voltkeeper.cli import main

ROOT = Path(__file__).resolve().parents[2]
KILLED = (
    "import os; from ingest.maintenance import backup; from voltkeeper.cli import main; "
    "backup.sync = lambda path: os.kill(os.getpid(), 9); main()"
)


@pytest.fixture
def back_up(tmp_path):
    """A function that runs the script with the `voltkeeper` of this Python."""
    command = tmp_path / "voltkeeper"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m voltkeeper "$@"\n')
    command.chmod(0o755)

    def run(*arguments, config="config.yml"):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "VOLTKEEPER": str(command),
            "VOLTKEEPER_CONFIG": config,
        }
        return subprocess.run(
            [ROOT / "deploy/backup", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.skipif("backup" not in main.commands, reason="this voltkeeper has no command backup")
def test_a_copy_while_ingest_runs(back_up, voltkeeper, write_config, wait_for, tmp_path):
    with running_gateway(port=0, boot=True) as gateway:
        write_config(f"database: house.db\ngateways: [{{name: main, tcp: '127.0.0.1:{gateway.port}'}}]")
        program = voltkeeper("ingest")
        wait_for(lambda: (tmp_path / "house.db").exists() and count(tmp_path / "house.db") > 20, timeout=30)
        folder = tmp_path / "backups"
        folder.mkdir()
        old = [folder / f"telemetry-2026010{day}T000000Z.db" for day in range(1, 4)]
        for path in (*old, folder / ".telemetry-20260104T000000Z.db.partial-77", folder / "mine.db"):
            path.write_text("")
        done = back_up(folder, "2")
        assert done.returncode == 0, done.stderr
        assert program.process.poll() is None
        program.end()
    left = sorted(path.name for path in folder.iterdir())
    assert left[:2] == ["mine.db", old[2].name] and len(left) == 3
    copy = folder / left[2]
    assert copy.stat().st_mode & 0o077 == 0
    connection = sqlite3.connect(copy)
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()
    assert 20 < count(copy) <= count(tmp_path / "house.db")


def count(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("select count(*) from messages").fetchone()[0]
    except sqlite3.OperationalError:  # it has no tables yet
        return 0
    finally:
        connection.close()


def test_a_failure_keeps_the_old_copies(back_up, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "telemetry-20260101T000000Z.db").write_text("")
    done = back_up(folder, "1", config="none.yml")
    assert done.returncode != 0 and done.stderr
    assert [path.name for path in folder.iterdir()] == ["telemetry-20260101T000000Z.db"]


def test_without_a_folder_it_prints_its_usage(back_up):
    done = back_up()
    assert done.returncode != 0 and "deploy/backup FOLDER [KEEP]" in done.stderr


def test_a_partial_file_is_removed_by_the_next_backup(back_up, tmp_path, write_config):
    write_config("database: house.db")
    new_database(tmp_path / "house.db")
    stopped = tmp_path / "voltkeeper"
    whole = stopped.read_text()
    stopped.write_text(whole.replace("-m voltkeeper", f"-c '{KILLED}'"))
    assert back_up(tmp_path / "backups").returncode
    assert len(list((tmp_path / "backups").iterdir())) == 1
    stopped.write_text(whole)
    assert back_up(tmp_path / "backups").returncode == 0
    assert (
        len(list((tmp_path / "backups").glob("telemetry-*.db")))
        == len(list((tmp_path / "backups").iterdir()))
        == 1
    )
