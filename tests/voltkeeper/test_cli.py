"""The command line itself: help, hash-password, the demo gateway alone."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from datasette_auth_passwords.utils import verify_password

from tests.helpers.broker import MOSQUITTO, Broker, MqttFakeGateway
from voltkeeper.cli import main
from voltkeeper.config_source import Sources, child_arguments, choose_config

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "up",
    "setup",
    "ingest",
    "web",
    "check",
    "status",
    "demo",
    "import",
    "export",
    "hash-password",
    "prune",
    "backup",
    "mute",
    "outbound",
    "plan",
    "rehearse",
    "repair",
    "replay",
    "report",
)


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "voltkeeper", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        **options,
    )


def test_help_names_every_command_and_loads_nothing_heavy():
    shown = run("--help").stdout
    listed = [
        line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line.startswith("  ")
    ]
    assert sorted(COMMANDS) == sorted(set(listed) - {"Exit"})
    heavy = "{'datasette', 'sqlite_utils', 'asyncio', 'yaml', 'serial'}"
    code = f"import sys, voltkeeper.cli; print({heavy} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert loaded.stdout.strip() == "set()", loaded.stderr
    assert "Exit codes: 0 success, 1 failure, 2 wrong usage." in shown
    assert "..." not in shown.partition("Commands:")[2]


def test_help_of_each_command_explains_its_options():
    for command in (*COMMANDS, "repair clock", "rehearse outage", "rehearse silence", "rehearse all"):
        shown = run(*command.split(), "--help")
        assert shown.returncode == 0
        if command not in ("demo", "hash-password", "rehearse", "repair"):
            assert "VOLTKEEPER_CONFIG" in shown.stdout


@pytest.mark.parametrize("password", ["secret", "pass word ünï", "$dollar$"])
def test_hash_password_works_with_datasette_auth_passwords(password):
    answer = run("hash-password", input=password + "\n")
    assert answer.returncode == 0
    (line,) = answer.stdout.splitlines()
    assert verify_password(password, line) and not verify_password(password + "x", line)


def test_hash_password_refuses_an_empty_one():
    answer = run("hash-password", input="\n")
    assert (answer.returncode, answer.stdout) == (2, "") and "empty" in answer.stderr


def test_the_demo_gateway_alone(voltkeeper, wait_for, free_port):
    port = free_port()
    program = voltkeeper("demo", "--port", port)
    wait_for(lambda: f"demo gateway on tcp 127.0.0.1:{port}" in program.text)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        assert connection.recv(100).startswith(b"0;255;3;0;14;")
    second = voltkeeper("demo", "--port", port)
    assert second.wait() == 2
    assert "cannot listen" in second.text and "Traceback" not in second.text
    assert program.end(signal.SIGTERM) == 0


def test_an_up_of_the_version_before_can_restart_its_parts():
    # It starts them as `python -m ingest NAME`, whatever files are there by then.
    answer = subprocess.run(
        [sys.executable, "-m", "ingest", "ingest", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 0 and "Read the sources into the database." in answer.stdout


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("up", {"config", "gateway", "mqtt", "nut", "must", "poll", "port"}),
        ("ingest", {"config", "gateway", "mqtt", "nut", "must", "poll", "replay"}),
        ("web", {"config", "port"}),
        ("check", {"config", "gateway", "mqtt", "nut", "must", "port", "send", "url"}),
        ("status", {"config", "port"}),
        ("backup", {"config"}),
    ],
)
def test_help_of_a_command_lists_its_own_options(command, own):
    shown = CliRunner().invoke(main, [command, "--help"]).output
    assert set(re.findall(r"^  --(\w+)", shown, re.M)) == own


def test_a_prefix_of_topics_without_a_broker_is_wrong_usage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["up", "--mqtt-prefix", "attic"])
    assert done.exit_code == 2 and "give that as --mqtt HOST, too" in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("broker", ["192.168.1.5", "broker.lan:8884", "[::1]:1884"])
def test_the_parts_of_up_read_the_broker_that_up_was_given(tmp_path, monkeypatch, broker):
    monkeypatch.chdir(tmp_path)
    chosen = choose_config(sources=Sources(mqtt=broker, mqtt_prefix="house/attic"))
    given = iter(child_arguments(chosen))
    options = dict(zip(given, given, strict=True))
    again = choose_config(sources=Sources(mqtt=options["--mqtt"], mqtt_prefix=options["--mqtt-prefix"]))
    assert again.gateways == chosen.gateways and again.gateways[0].publish == "house/attic-out"
    (one,), (other,) = chosen.mqtt, again.mqtt
    assert (one.host, one.port_used) == (other.host, other.port_used)


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_a_gateway_behind_a_broker_of_the_command_line(voltkeeper, tmp_path):
    with Broker(tmp_path / "broker") as broker:
        fake = MqttFakeGateway(broker, "house/attic")
        program = voltkeeper("ingest", "--mqtt", f"127.0.0.1:{broker.port}", "--mqtt-prefix", "house/attic")
        fake.wait("0;255;3;0;2;", seconds=60)
        assert program.end() == 0
        fake.close()
