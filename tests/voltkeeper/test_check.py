"""`voltkeeper check` and `status`: their lines when all is right, and for each thing that is wrong."""

import io
import os
import socket
import sqlite3
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
import serial

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.demo.ups.upsd import DemoUpsd
from plugins.web.app.address_file import address_file, remove_address, running_address, write_address
from tests.helpers.demo_gateway import running_gateway
from tests.helpers.new_database import new_database
from voltkeeper.check import run_check
from voltkeeper.check.http import check_site
from voltkeeper.config_source import Sources
from voltkeeper.paint import Paint
from voltkeeper.status import is_read, read_sources

TOKEN = "0123456789abcdef"


@pytest.fixture
def check(write_config, free_port):
    """A function that checks a config text on a free port; returns (exit code, lines)."""

    def run(text=""):
        lines = []
        path = write_config(f"web: {{port: {free_port()}}}\n{text}" if "web:" not in text else text)
        code = run_check(path, Sources(), None, lines.append)
        return code, lines

    return run


def of(lines, what):
    """The one line about `what`."""
    (line,) = [line for line in lines if line.split(maxsplit=1)[1].startswith(what)]
    return line


@contextmanager
def server(answer):
    """A TCP server that hands each connection to `answer`; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def gateways(port, more=""):
    return f"gateways: [{{name: main, tcp: '127.0.0.1:{port}'{more}}}]"


def test_a_house_that_is_right(check, tmp_path):
    new_database(tmp_path / "data/telemetry.db")
    with running_gateway(port=0) as gateway:
        code, lines = check(f"timezone: Asia/Kolkata\n{gateways(gateway.port)}")
    assert code == 0
    assert of(lines, "config").endswith("is understood; gateways: 1")
    assert of(lines, "timezone").startswith("ok      timezone: Asia/Kolkata, where it is 2")
    assert of(lines, "database").startswith("ok") and "intact" in of(lines, "database")
    assert of(lines, "tables") == "ok      tables: up to date"
    assert "GB free" in of(lines, "disk")
    assert of(lines, "gateway main").endswith("answers: gateway ready")
    assert "the port is free" in of(lines, "site")
    assert "writing is off" in of(lines, "access")


def test_a_config_with_mistakes(check):
    code, lines = check("titel: x\ncommit_s: 0")
    assert code == 1
    assert lines == ["FAILED  config: config.yml: unknown key 'titel': did you mean 'title'?"]


def test_a_gateway_that_is_off(check, free_port):
    code, lines = check(gateways(free_port()))
    assert code == 1
    assert of(lines, "gateway").startswith("FAILED")
    assert "nothing listens there: is the gateway on" in of(lines, "gateway")


def test_a_gateway_whose_name_nobody_knows(check):
    code, lines = check("gateways: [{name: main, tcp: 'no-such-host.invalid:5003'}]")
    assert code == 1
    assert "is the name of the gateway right?" in of(lines, "gateway")


def test_a_gateway_whose_only_place_is_taken(check):
    with (
        running_gateway(port=0, max_clients=1) as gateway,
        socket.create_connection(("127.0.0.1", gateway.port)) as other,
    ):
        assert other.recv(100)
        code, lines = check(gateways(gateway.port))
    assert code == 1
    assert "another program may hold its only place for a client" in of(lines, "gateway")


def test_a_port_that_is_no_gateway(check):
    with server(
        lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n") or connection.recv(100)
    ) as port:
        code, lines = check(gateways(port))
    assert code == 1
    assert "does not speak MySensors" in of(lines, "gateway") and "5003" in of(lines, "gateway")


def test_a_gateway_that_only_answers_when_asked(check):
    heard = []

    def answer(connection):
        heard.append(connection.recv(100))
        connection.sendall(b"0;255;3;0;2;2.4.0\n")

    with server(answer) as port:
        code, lines = check(gateways(port))
    assert (code, heard) == (0, [b"0;255;3;0;2;\n"])
    assert of(lines, "gateway").endswith("answers and speaks MySensors")


def test_a_listener_asks_nothing(check):
    heard = []
    with server(lambda connection: heard.append(connection.recv(100))) as port:
        code, lines = check(gateways(port, ", controller: false"))
    assert (code, heard) == (0, [b""])
    assert "is not asked (controller: false)" in of(lines, "gateway")


def test_a_serial_gateway(check, tmp_path):
    path = tmp_path / "tty"
    with running_gateway(serial=path):
        text = f"gateways: [{{name: shed, serial: '{path}'}}]"
        code, lines = check(text)
        assert code == 0 and of(lines, "gateway shed").endswith(("speaks MySensors", "gateway ready"))
        with serial.Serial(str(path), exclusive=True):
            code, lines = check(text)
        assert code == 1 and "another program has the port open" in of(lines, "gateway shed")
    code, lines = check(text)
    assert code == 1 and "is it plugged in?" in of(lines, "gateway shed")


def test_a_device_that_is_no_serial_port(check):
    code, lines = check("gateways: [{name: shed, serial: /dev/null}]")
    assert code == 1 and of(lines, "gateway shed").startswith("FAILED")


def test_a_damaged_database(check, tmp_path):
    path = tmp_path / "data/telemetry.db"
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    code, lines = check()
    assert code == 1
    assert of(lines, "database").startswith("FAILED") and "restore a copy" in of(lines, "database")


def test_old_rows_that_nobody_prunes_are_noted(check, tmp_path):
    path = tmp_path / "data/telemetry.db"
    new_database(path)
    with closing(connect(path)) as connection:
        insert = "insert into rejects (received_at, source, raw, reason) values (?, 'main', '', '')"
        connection.executemany(insert, [(format_utc(time.time() - days * 86400),) for days in (80, 70, 1)])
        assert not [line for line in check()[1] if "retention" in line]  # a new file: the site has its time
        connection.execute("update _sqlite_migrations set applied_at = '2026-01-01 00:00:00.000000+00:00'")
        code, lines = check()
        assert code == 0 and of(lines, "retention").startswith(
            "note    retention: never pruned, 2 rows are older"
        )
        assert "voltkeeper prune" in of(lines, "retention")
        at = format_utc(time.time() - 3600)
        connection.execute(
            "insert into retention_runs (started_at, ended_at, started_by, state, size_before) "
            "values (?, ?, 'x', 'done', 1)",
            (at, at),
        )
        assert of(check()[1], "retention") == "ok      retention: last pruned 60 min ago"


def test_damaged_pages(check, tmp_path):
    path = tmp_path / "data/telemetry.db"
    new_database(path)
    connection = connect(path)
    (root,) = connection.execute("select rootpage from sqlite_master where name = 'gateways'").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 1024)
        file.write(os.urandom(1024))
    code, lines = check()
    assert code == 1
    assert "restore a copy" in of(lines, "database")


def test_a_database_of_a_newer_version(check, tmp_path):
    new_database(tmp_path / "data/telemetry.db")
    with sqlite3.connect(tmp_path / "data/telemetry.db") as connection:
        connection.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) "
            "values ('voltkeeper', 'from_tomorrow', 1)"
        )
    connection.close()
    code, lines = check()
    assert code == 1
    assert "of a newer Voltkeeper: install a version after " in of(lines, "tables")


def test_what_a_gateway_sent_and_was_not_kept_is_a_failure_for_a_day(check, tmp_path):
    path = tmp_path / "data/telemetry.db"
    new_database(path)
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "insert into dropped values (?, 'messages', 7, ?, ?, 'it has 10,000 channels already')",
            [
                (name, at, at)
                for name, at in (("wild", format_utc(time.time())), ("tame", "2026-01-01T00:00:00.000Z"))
            ],
        )
    connection.close()
    code, lines = check()
    assert code == 1
    assert "7 messages were not kept: it has 10,000 channels already" in of(lines, "gateway wild")
    assert not any("gateway tame" in line for line in lines)


def test_a_port_that_another_program_has(check):
    with server(lambda connection: connection.sendall(b"hello\n")) as port:
        code, lines = check(f"web: {{port: {port}}}")
    assert code == 1
    assert f"port {port} is taken by another program" in of(lines, "site")


def test_secrets_that_others_can_read(check, tmp_path):
    text = f"access: {{tokens: [{{name: ci, token: {TOKEN}, may: [upload]}}]}}"
    code, lines = check(text)
    assert code == 1
    assert f"access.tokens[ci].token can be read by others: chmod 600 {tmp_path}/config.yml" in of(
        lines, "secrets"
    )
    assert "writing: ci" in of(lines, "access")
    (tmp_path / "config.yml").chmod(0o600)
    code, lines = check(text)
    assert code == 0 and of(lines, "secrets").startswith("ok")
    assert TOKEN not in "\n".join(lines)


def test_an_open_house_is_noted(check, free_port):
    code, lines = check(f"web: {{host: 0.0.0.0, port: {free_port()}}}")
    assert code == 0
    assert any("access: {read: signed-in} ends that" in line for line in lines)


def test_a_running_ingest_is_asked_instead_of_the_gateway(
    voltkeeper, check, wait_for, write_config, tmp_path
):
    database = tmp_path / "data/telemetry.db"
    with running_gateway(port=0, max_clients=1) as gateway:
        text = gateways(gateway.port)
        write_config(text)
        assert voltkeeper("status").wait() == 1
        ingest = voltkeeper("ingest")
        wait_for(lambda: "connected" in {one.state for one in read_sources(database).values()}, timeout=20)
        code, lines = check(text)
        assert code == 0 and "connected, for" in of(lines, "gateway main")
        status = voltkeeper("status")
        assert status.wait() == 0, status.text
        assert "ingest   runs" in status.text and "gateway  main (tcp" in status.text
        gateway.unplug()
        wait_for(lambda: "nothing listens" in read_sources(database)["main"].detail, timeout=20)
        code, lines = check(text)
        assert code == 1 and "nothing listens there" in of(lines, "gateway main")
        gateway.plug()
        ingest.process.kill()
        ingest.wait()
    status = voltkeeper("status")
    assert status.wait() == 1
    assert "ingest   does not run" in status.text and "its reader ended unexpectedly" in status.text


HOLDS_BYTE_3 = """
import fcntl, os, sys, time
fcntl.lockf(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX, 1, 3)
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_tells_who_reads(tmp_path, start):
    path = tmp_path / "t.db"
    assert not is_read(path, 0)
    new_database(path)
    assert not is_read(path, 0)
    held = start(sys.executable, "-c", HOLDS_BYTE_3, f"{path}.lock")
    held.wait_text("held")
    assert is_read(path, 3) and not is_read(path, 2)
    held.kill()
    assert not is_read(path, 3)


def test_status_of_a_database_that_is_none(voltkeeper, write_config, tmp_path):
    write_config("database: t.db")
    (tmp_path / "t.db").write_bytes(b"no database" * 200)
    status = voltkeeper("status")
    assert status.wait() == 1
    assert "cannot be read" in status.text and "Traceback" not in status.text


def test_a_site_that_is_not_there(free_port):
    lines = []
    assert check_site(f"127.0.0.1:{free_port()}", lines.append) == 1
    assert lines[0].startswith("FAILED  /: no answer") and "Nothing answers" in lines[-1]


def test_orders_are_looked_at_whoever_reads_the_server(check, monkeypatch):
    monkeypatch.setenv("COMMAND_PASSWORD", "demo")
    monkeypatch.setenv("WRONG", "x")
    with DemoUpsd() as upsd:
        keys = "command_username: operator, command_password: {$env: COMMAND_PASSWORD}"
        nut = f"nut: [{{name: closet, port: {upsd.port}, {keys}}}]\n"
        ups = "ups: {rack@closet: {commands: [beeper.mute], settings: [battery.charge.low]}}\n"
        code, lines = check(nut + ups)
        assert (
            code == 0
            and of(lines, "orders to closet") == "ok      orders to closet: rack@closet: 1 command, 1 setting"
        )
        code, lines = check(nut.replace("COMMAND_PASSWORD", "WRONG") + ups)
        assert code == 1 and "operator is refused" in of(lines, "orders to closet")
        code, lines = check(nut + ups.replace("beeper.mute", "beeper.toggle"))
        assert code == 1 and "rack@closet has no command beeper.toggle: did you mean" in of(
            lines, "orders to closet"
        )
        code, lines = check(nut.partition(", command")[0] + "}]\n")
        assert code == 0 and not [line for line in lines if "orders to" in line]


def test_what_the_config_says_of_variables_is_listed(check, tmp_path):
    text = """
nut: [{name: a, port: 1, ups: [rack, desk]}]
variables: {ups.vendorid: {hide: true}}
ups:
  rack@a:
    variables:
      battery.voltage: {scale: 0.15}
      ups.id: {label: Box}
      input.voltage: {from: input.L1-N.voltage}
    record: [battery.voltage, "ambient.*"]
  desk@a: {label: Desk}
"""
    lines = check(text)[1]
    assert of(lines, "variables of all UPSes").endswith("left out of pages: ups.vendorid")
    assert of(lines, "variables of rack@a").endswith(
        "corrected: battery.voltage x 0.15, input.voltage from input.L1-N.voltage; named: ups.id is 'Box'; "
        "series: battery.voltage, ambient.*"
    )
    assert not [line for line in lines if "variables of desk@a" in line]
    path = next(tmp_path.rglob("config.yml")).parent / "data" / "telemetry.db"
    new_database(path)
    with closing(connect(path)) as connection:
        connection.execute(
            "insert into ups (id, name, driver, source, label) values (1, 'rack@a', 'nut', 'a', 'x')"
        )
        for name in ("battery.voltage", "ups.id", "input.L1.voltage"):
            connection.execute("insert into ups_variables values (1, ?, '1', 1, 0, '')", (name,))
    code, lines = check(text)
    assert code == 1
    assert of(lines, "variables of rack@a").endswith(
        "the UPS has no input.L1-N.voltage: did you mean 'input.L1.voltage'?"
    )


def test_a_site_that_is_another():
    def answer(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nhello")

    lines = []
    with server(answer) as port:
        assert check_site(f"http://127.0.0.1:{port}/", lines.append) == 1
    assert all(line.startswith("FAILED") and "is this Voltkeeper's site?" in line for line in lines)


def test_read_sources_of_an_empty_file(tmp_path):
    connect(tmp_path / "t.db").close()
    assert read_sources(tmp_path / "t.db") == {}
    assert read_sources(tmp_path / "none.db") == {}


def test_a_gateway_is_tried_beside_a_config(write_config, tmp_path, monkeypatch):
    write_config("gateways: [{name: main, tcp: '127.0.0.1:1'}]")
    monkeypatch.chdir(tmp_path)
    lines = []
    with running_gateway(port=0, boot=True) as gateway:
        assert run_check(None, Sources(gateway=f"127.0.0.1:{gateway.port}"), None, lines.append) == 0
    assert lines[0] == "ok      config: config.yml is left aside: the options of the command line"
    assert len(lines) == 2 and f"127.0.0.1:{gateway.port}" in lines[1] and "answers" in lines[1]


@pytest.mark.parametrize(("sql", "who"), [("off", "nobody"), ("anyone", "anyone who may read")])
def test_who_may_write_sql_is_told(check, sql, who):
    lines = check(f"access: {{sql: {sql}}}")[1]
    assert of(lines, "access").endswith("turns it on") and f"(access.sql): {who};" in of(lines, "access")


def test_secrets_that_others_read(check, tmp_path):
    (tmp_path / "voltkeeper.env").write_text("A=b\n")
    (tmp_path / "voltkeeper.env").chmod(0o644)
    assert "chmod 600" in of(check("")[1], "secrets")


def test_the_port_of_the_running_site_is_found(tmp_path):
    database = tmp_path / "telemetry.db"
    assert running_address(database) is None
    write_address(database, "::1", 8123)
    assert running_address(database) == ("::1", 8123)
    remove_address(database)
    assert running_address(database) is None
    address_file(database).write_text(f"{2**22 + 1} 8123 ::1\n")  # of a process that is gone
    assert running_address(database) is None
    remove_address(database)
    assert address_file(database).exists()  # it is not of this process


@pytest.mark.parametrize(
    ("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_lines_have_colours_on_a_terminal_that_wants_them(variables, coloured, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    leader, follower = os.openpty()
    with os.fdopen(leader), os.fdopen(follower, "w") as terminal:
        paint = Paint(terminal)
        line = paint.line("FAILED  gateway main: off")
    assert line == (
        "\x1b[31m\x1b[1mFAILED\x1b[0m  gateway main: off" if coloured else "FAILED  gateway main: off"
    )
    assert paint.line("as it is") == "as it is"
    assert Paint(io.StringIO()).line("FAILED  x") == "FAILED  x"
