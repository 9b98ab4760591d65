"""`voltkeeper up` as a user runs it: the demo house, a gateway, a config, a taken port, kill -9."""

import errno
import os
import signal
import socket
import sqlite3
import sys
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers.broker import MOSQUITTO, Broker, MqttFakeGateway
from tests.helpers.demo_gateway import running_gateway
from tests.programs import START_S, Program, free_port, wait_until
from voltkeeper.up import SitePortError, claim


def get(port, path="/"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def is_open(program, port):
    return f"Voltkeeper is at http://127.0.0.1:{port}/" in program.text


def count(database, table):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(f"select count(*) from {table}").fetchone()[0]
    finally:
        connection.close()


def test_the_demo_house_without_config_and_arguments(voltkeeper, wait_for, free_port, tmp_path):
    port = free_port()
    program = voltkeeper("up", "--port", port)
    wait_for(lambda: is_open(program, port), timeout=180)
    assert program.text.count("Voltkeeper is at") == 1
    database = tmp_path / "data/demo/telemetry.db"
    assert "days" in get(port)
    program.wait_text("has a history of 28 days")
    assert "messages and" in program.text and "\r" not in program.text  # a bar is for terminals
    history = count(database, "messages")
    assert history > 150_000
    wait_for(lambda: count(database, "messages") > history, timeout=120)
    for path in ("/", "/nodes", "/telemetry/nodes"):
        assert "demo" in get(port, path).lower(), path
    checked = voltkeeper("check", "--url", f"http://127.0.0.1:{port}")
    assert checked.wait(60) == 0, checked.text
    assert "ok      /telemetry/stale_nodes.json" in checked.text
    status = voltkeeper("status")  # which finds the port
    assert status.wait() == 0, status.text
    assert "plan     closet: " in status.text and "does not run" not in status.text
    site = voltkeeper("check")
    site.wait(60)
    assert f"ok      site 127.0.0.1:{port}: answers at" in site.text and "\x1b" not in site.text
    assert f"site     answers at http://127.0.0.1:{port}/" in status.text
    assert program.end() == 0
    assert program.family() == []
    assert voltkeeper("status", "--port", port).wait() == 1

    again = voltkeeper("up", "--port", port)
    wait_for(lambda: is_open(again, port), timeout=120)
    assert "history" not in again.text
    assert count(database, "messages") >= history
    assert again.end(signal.SIGINT) == 0


def test_a_gateway_without_a_file(voltkeeper, wait_for, free_port, tmp_path):
    port = free_port()
    with running_gateway(port=0, boot=True) as gateway:
        program = voltkeeper("up", "--gateway", f"127.0.0.1:{gateway.port}", "--port", port)
        wait_for(lambda: is_open(program, port), timeout=120)
        wait_for(lambda: count(tmp_path / "data/telemetry.db", "nodes") > 3, timeout=90)
        assert program.end() == 0
    assert not (tmp_path / "data/demo").exists()


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_a_gateway_by_mqtt_without_a_file(voltkeeper, wait_for, free_port, tmp_path):
    port, database = free_port(), tmp_path / "data/telemetry.db"
    with Broker(tmp_path / "broker") as broker:
        fake = MqttFakeGateway(broker, "house/attic")
        program = voltkeeper(
            "up", "--mqtt", f"127.0.0.1:{broker.port}", "--mqtt-prefix", "house/attic", "--port", port
        )
        wait_for(lambda: is_open(program, port), timeout=120)
        fake.wait("0;255;3;0;2;")  # it is asked for its version
        fake.say("12;255;0;0;17;2.3.2", "12;255;3;0;11;Greenhouse", "12;1;0;0;6;Air", "12;1;1;0;0;21.5")
        fake.say("255;79;3;0;3;")  # a node without an id
        fake.wait("255;79;3;0;4;1")
        wait_for(lambda: count(database, "readings") == 1, timeout=90)
        assert "Greenhouse" in get(port, "/nodes") and "21.5" in get(port, "/nodes/mqtt/12")
        fake.close()
        assert program.end() == 0
    assert not (tmp_path / "data/demo").exists()


@pytest.mark.parametrize("order", [("ingest", "web"), ("web", "ingest")], ids=" first, then ".join)
def test_what_was_stopped_leaves_a_file_that_is_whole_without_its_log(
    voltkeeper, wait_for, write_config, order, tmp_path
):
    with running_gateway(port=0, boot=True) as gateway:
        write_config(f"gateways: [{{name: main, tcp: '127.0.0.1:{gateway.port}'}}]\nweb: {{port: 0}}")
        programs = {name: voltkeeper(name) for name in order}
        wait_for(lambda: "the site is at http" in programs["web"].text, timeout=120)
        wait_for(lambda: count(tmp_path / "data/telemetry.db", "nodes") > 3, timeout=90)
        for name in order:
            assert programs[name].end() == 0
    (tmp_path / "copy.db").write_bytes((tmp_path / "data/telemetry.db").read_bytes())
    heard = [count(tmp_path / name, "messages") for name in ("copy.db", "data/telemetry.db")]
    assert heard[0] == heard[1] > 20


def test_kill_9_of_the_parent_takes_the_children_along(
    voltkeeper, wait_for, free_port, write_config, tmp_path
):
    port = free_port()
    with running_gateway(port=0, boot=True) as gateway:
        write_config(f"gateways: [{{name: main, tcp: '127.0.0.1:{gateway.port}'}}]\nweb: {{port: {port}}}")
        program = voltkeeper("up")
        wait_for(lambda: is_open(program, port), timeout=120)
        wait_for(lambda: count(tmp_path / "data/telemetry.db", "nodes") > 3, timeout=90)
        assert len(program.family()) == 3
        program.end(signal.SIGKILL)
        wait_for(lambda: program.family() == [], timeout=12)
    assert "everything received is stored" in program.text
    connection = sqlite3.connect(tmp_path / "data/telemetry.db")
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()


def niceness(pid):
    """Of each thread of a process but the one that only waits for its parent's end."""
    threads = Counter(
        int(stat.read_text().rpartition(")")[2].split()[16])
        for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    )
    return set(threads - Counter({os.getpriority(os.PRIO_PROCESS, 0): 1}))


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    """A program `voltkeeper up` that tests share, and the port of its site."""
    folder, port = tmp_path_factory.mktemp("up"), free_port()
    (folder / "config.yml").write_text(
        f"gateways: [{{name: main, tcp: '127.0.0.1:1'}}]\nweb: {{port: {port}}}"
    )
    program = Program([sys.executable, "-m", "voltkeeper", "up"], folder)
    try:
        wait_until(lambda: is_open(program, port), START_S)
        yield program, port
        assert program.end() == 0
    finally:
        program.kill()


def test_ingest_goes_before_the_site(up):
    program, port = up
    get(port, "/telemetry/nodes")
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in program.family()}
    found = {
        name: niceness(pid)
        for pid, words in commands.items()
        for name in ("ingest", "web")
        if words[3:4] == [name]
    }
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert found == {"ingest": {own}, "web": {max(own, 10)}}


def test_a_killed_site_comes_back(up, wait_for):
    program, port = up
    (site,) = [pid for pid in program.family() if b"\0web\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(site, signal.SIGKILL)
    wait_for(lambda: "web ended (signal SIGKILL); starting it again in 1 s" in program.text)

    def back():
        try:
            return get(port)
        except OSError:
            return ""

    assert wait_for(back, timeout=90)


@pytest.mark.parametrize("command", ["up", "web"])
def test_a_taken_port_is_told_in_words(voltkeeper, write_config, command, tmp_path):
    if command == "web":
        write_config("")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        program = voltkeeper(command, "--port", port)
        assert program.wait() == 1  # it may be free later: systemd tries again
    assert f"port {port} is taken by another program" in program.text
    assert f"--port {port + 1}" in program.text
    assert "Traceback" not in program.text
    assert not (tmp_path / "data").exists()


def test_an_address_that_is_not_here_is_worth_another_try(voltkeeper, write_config):
    write_config("web: {host: 203.0.113.7}")
    program = voltkeeper("web")
    assert program.wait() == 1
    assert "this machine has no such address" in program.text


def test_a_port_for_root_is_wrong_usage(monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(SitePortError, match="below 1024") as caught:
        claim("127.0.0.1", 80)
    assert caught.value.code == 2


@pytest.mark.parametrize("command", ["ingest", "web"])
def test_a_database_that_cannot_be_used_is_told_in_words(voltkeeper, write_config, command, tmp_path):
    write_config("database: taken/house.db\nweb: {port: 0}")
    (tmp_path / "taken").write_text("a file in the place of the folder")
    program = voltkeeper(command)
    assert program.wait() == 1
    assert str(tmp_path / "taken") in program.text
    (tmp_path / "taken").unlink()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/house.db").write_text("no database at all, but long enough to be one" * 100)
    again = voltkeeper(command)
    assert again.wait() == 1
    assert "file is not a database" in again.text
    assert "Traceback" not in program.text + again.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "--gateway", "nonsense"], "command line: gateways[main].tcp: 'nonsense' is not HOST:PORT"),
        (["up", "--config", "none.yml"], "copy config.example.yml"),
        (["ingest"], "There is no config.yml here"),
        (["web"], "There is no config.yml here"),
        (["status", "--config", "none.yml"], "copy config.example.yml"),
        (["up", "--port", "99999"], "99999 is not in the range"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_usage_is_exit_code_2_in_words(voltkeeper, arguments, words):
    program = voltkeeper(*arguments)
    assert program.wait() == 2
    assert words in program.text
    assert "Traceback" not in program.text


def test_a_mistake_in_the_config_ends_up_at_once(voltkeeper, write_config):
    write_config("gatways: []\nweb: {port: x}")
    program = voltkeeper("up")
    assert program.wait() == 2
    assert program.text.splitlines() == [
        "config.yml: unknown key 'gatways': did you mean 'gateways'?",
        "config.yml: web.port: has to be a whole number, not 'x'",
    ]


def test_voltkeeper_config_names_the_file(voltkeeper, tmp_path):
    (tmp_path / "other.yml").write_text("titel: x")
    program = voltkeeper("up", VOLTKEEPER_CONFIG=str(tmp_path / "other.yml"))
    assert program.wait() == 2
    assert "other.yml: unknown key 'titel'" in program.text


def test_a_gateway_beside_a_config_is_refused(voltkeeper, write_config):
    write_config("")
    program = voltkeeper("up", "--gateway", "127.0.0.1:5003")
    assert program.wait() == 2
    assert "write it there, under gateways:" in program.text
