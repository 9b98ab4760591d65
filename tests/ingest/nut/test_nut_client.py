"""The NUT client against the demo's server with its faults: only a whole right answer becomes a value."""

import logging
import socket
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from ingest.demo.ups.models import DemoUps, demo_upses, string
from ingest.demo.ups.upsd import DemoUpsd
from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.nut.protocol import quote, split_arguments

ODD = 'a "quoted" back\\slash, Büro ✓'


@pytest.fixture
def server():
    upses = demo_upses()
    upses["odd"] = DemoUps(
        ODD, lambda t: {"ups.status": "OL", "ups.id": ODD, "ups.alarm": ""}, {"ups.id": string(99)}
    )
    upses["rack10"] = DemoUps("", lambda t: {"ups.status": "OB"})
    with DemoUpsd(upses) as upsd:
        yield upsd


@pytest.fixture
def client(server):
    with NutClient("127.0.0.1", server.port, "operator", "demo", timeout=5) as client:
        yield client


@pytest.fixture
def hasty(server):
    """A client that gives an answer up soon."""
    with NutClient("127.0.0.1", server.port, "operator", "demo", timeout=0.5) as client:
        yield client


def failure(call) -> NutError:
    with pytest.raises(NutError) as caught:
        call()
    return caught.value


def test_every_ups_and_every_variable(server, client):
    assert client.list_ups() == {name: ups.description for name, ups in server.upses.items()}
    for name, ups in server.upses.items():
        assert client.list_vars(name).keys() == ups.variables(time.time()).keys()
    assert client.get_var("rack", "ups.model") == "Back-UPS RS 1600SI"
    assert client.get_var("rack10", "ups.status") == "OB"


def test_quotes_backslashes_and_unicode_arrive_as_they_are(server, client):
    assert client.get_var("odd", "ups.id") == ODD
    assert client.list_vars("odd") == {"ups.status": "OL", "ups.id": ODD, "ups.alarm": ""}
    assert client.description("odd") == ODD
    client.set_var("odd", "ups.id", 'x "y" \\')
    assert client.get_var("odd", "ups.id") == 'x "y" \\'
    client.set_var("odd", "ups.id", 42)
    assert client.list_rw_vars("odd") == {"ups.id": "42"}


def test_lists_of_what_may_be_set(client):
    assert client.list_enum("rack", "input.sensitivity") == ["low", "medium", "high"]
    assert client.list_range("rack", "input.transfer.low") == [("160", "184")]
    assert client.list_enum("rack", "ups.load") == client.list_range("rack", "ups.load") == []
    assert client.list_rw_vars("rack10") == {} and client.list_command_names("rack10") == []
    assert client.var_type("rack", "input.sensitivity") == "RW ENUM"
    assert client.list_commands("attic").keys() == {"beeper.toggle", "test.battery.start.quick"}


def test_setting_and_commanding(client):
    client.run_command("rack", "beeper.mute")
    assert client.get_var("rack", "ups.beeper.status") == "muted"
    client.run_command("desk", "load.off.delay", 30)
    client.set_var("desk", "ups.delay.shutdown", 120)
    assert client.get_var("desk", "ups.delay.shutdown") == "120"
    assert client.can_set("rack") is True
    client.login("rack")
    assert client.list_clients("rack") == ["127.0.0.1"] and client.num_logins("rack") == 1


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (lambda c: c.get_var("nope", "ups.status"), "unknown_ups"),
        (lambda c: c.list_vars("nope"), "unknown_ups"),
        (lambda c: c.list_rw_vars("nope"), "unknown_ups"),
        (lambda c: c.get_var("rack", "no.such"), "unsupported"),
        (lambda c: c.run_command("rack", "no.such"), "unsupported"),
        (lambda c: c.set_var("rack", "ups.load", 1), "readonly"),
        (lambda c: c.set_var("rack", "input.sensitivity", "wild"), "invalid"),
        (lambda c: c.set_var("rack", "input.sensitivity", "low\nINSTCMD rack load.off"), "invalid"),
        (lambda c: c.get_var("rack ups.status", "x"), "invalid"),
        (lambda c: c.fsd("rack"), "unsupported"),
    ],
)
def test_a_refusal_leaves_the_connection_usable(server, client, call, outcome):
    error = failure(lambda: call(client))
    assert error.outcome == outcome and error.answered
    assert client.usable and client.get_var("rack", "ups.model") == "Back-UPS RS 1600SI"
    assert not any("load.off" in r for r in server.requests)


@pytest.mark.parametrize(("fault", "outcome"), [("stale", "stale"), ("driver_gone", "driver")])
def test_a_device_that_is_gone_is_told_apart_and_disturbs_no_other(server, client, fault, outcome):
    server.fail(fault, "rack")
    error = failure(lambda: client.list_vars("rack"))
    assert error.outcome == failure(lambda: client.get_var("rack", "ups.status")).outcome == outcome
    assert client.list_vars("desk")["ups.model"] == "Eaton 3S 550"
    server.heal()
    assert client.list_vars("rack")["ups.model"] == "Back-UPS RS 1600SI"


def test_credentials(server):
    for username, password in (("operator", "wrong"), (None, None), ("operator", None)):
        with NutClient("127.0.0.1", server.port, username, password, timeout=5) as client:
            assert client.can_set("rack") is False
            assert failure(lambda: client.run_command("rack", "beeper.mute")).outcome == "denied"
            assert client.list_vars("rack")
    server.fail("denied")
    with NutClient("127.0.0.1", server.port, timeout=5) as client:
        assert failure(lambda: client.list_vars("rack")).outcome == "denied"


def test_after_a_time_out_no_answer_is_taken_for_another(server, hasty):
    server.late_s = 1.0
    server.fail("late")
    error = failure(lambda: hasty.get_var("rack", "ups.status"))
    assert error.outcome == "timeout" and not hasty.usable
    server.heal()
    time.sleep(0.7)  # until the late answer is here
    error = failure(lambda: hasty.get_var("rack", "battery.charge"))
    assert error.outcome == "closed" and "make a new one" in error.message
    with NutClient("127.0.0.1", server.port, timeout=5) as fresh:
        assert fresh.get_var("rack", "ups.model") == "Back-UPS RS 1600SI"


def test_an_answer_to_something_else_is_an_error(server, client):
    server.fail("shift")
    for call in (
        lambda c: c.get_var("rack", "battery.charge"),
        lambda c: c.list_vars("rack"),
        lambda c: c.list_ups(),
    ):
        with NutClient("127.0.0.1", server.port, timeout=5) as fresh:
            error = failure(partial(call, fresh))
            assert error.outcome == "protocol" and not fresh.usable
    server.heal()
    assert client.get_var("rack", "battery.charge").isdigit()


def test_bytes_that_came_unasked_are_an_error(server, client):
    for connection in server.connections:
        connection.sendall(b'VAR rack ups.status "OB"\n')
    time.sleep(0.1)
    error = failure(lambda: client.get_var("rack", "ups.status"))
    assert error.outcome == "protocol" and "OB" in error.raw and not client.usable


def test_a_list_that_stops_is_an_error_and_no_half_list(server, hasty):
    server.fail("truncate_list")
    error = failure(lambda: hasty.list_vars("rack"))
    assert error.outcome == "timeout" and not hasty.usable


def test_a_closed_connection_is_an_error_at_once(server, client):
    server.fail("drop")
    error = failure(lambda: client.list_vars("rack"))
    assert error.outcome == "closed" and not client.usable


def test_a_server_that_stops_and_comes_back(server, client):
    server.stop()
    assert failure(lambda: client.get_var("rack", "ups.status")).outcome == "closed"
    assert failure(lambda: NutClient("127.0.0.1", server.port, timeout=5)).outcome == "refused"
    with DemoUpsd(port=server.port), NutClient("127.0.0.1", server.port, timeout=5) as client:
        assert client.get_var("rack", "ups.model")


def test_a_frozen_server_is_a_time_out_of_the_time_given(server, hasty):
    server.fail("frozen")
    began = time.monotonic()
    error = failure(lambda: hasty.list_vars("rack"))
    assert error.outcome == "timeout" and "within 0.5 s: is it frozen" in error.message
    assert time.monotonic() - began >= 0.5


@pytest.mark.timeout(60)
def test_connecting_to_a_host_that_swallows_it():
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = []
        for _ in range(3):  # fill the queue of connections nobody accepts
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(deaf.getsockname())
        assert failure(lambda: NutClient(*deaf.getsockname(), timeout=0.3)).outcome == "timeout"
        client = NutClient(*deaf.getsockname(), timeout=300, connect=False)
        threading.Timer(0.2, client.close).start()
        assert failure(client.connect).outcome == "closed"
        for sock in waiting:
            sock.close()


def test_a_host_without_a_name():
    assert failure(lambda: NutClient("no-such-host.invalid", timeout=2)).outcome == "name"
    assert failure(lambda: NutClient("x" * 70 + ".invalid", timeout=2)).outcome == "name"


@pytest.mark.timeout(60)
def test_close_from_another_thread_ends_a_blocked_call(server):
    server.fail("frozen")
    client = NutClient("127.0.0.1", server.port, timeout=300)
    threading.Timer(0.2, client.close).start()
    assert failure(lambda: client.list_vars("rack")).outcome == "closed"
    assert failure(lambda: client.list_vars("rack")).outcome == "closed"
    client.close()


def test_bytes_that_are_no_utf8_spoil_only_themselves(server, client):
    server.fail("latin1")
    values = client.list_vars("rack")
    assert values["ups.id"] == "Büro"
    assert values["ups.model"] == "Back-UPS RS 1600SI"


def test_servers_that_answer_less(server, client):
    server.fail("bare")
    assert client.list_rw_vars("rack") == {} and client.list_clients("rack") == []
    assert client.list_command_names("rack") == [] and client.list_enum("rack", "input.sensitivity") == []
    assert client.list_vars("rack")["ups.model"]


def test_lines_that_end_in_cr_lf(server, client):
    server.fail("crlf")
    assert client.list_ups().keys() == server.upses.keys()
    assert client.get_var("rack", "ups.model") == "Back-UPS RS 1600SI"


def test_wait_arrives_as_wait(server, client):
    server.fail("wait", "rack")
    assert client.get_var("rack", "ups.status") == "WAIT"


def test_the_password_is_in_no_log_error_or_repr(server, caplog):
    caplog.set_level(logging.DEBUG)
    secret = 'hun"ter 2'
    with NutClient("127.0.0.1", server.port, "operator", secret, timeout=5) as client:
        client.list_vars("rack")
        error = failure(lambda: client.run_command("rack", "beeper.mute"))
        echo = failure(lambda: client.set_var("rack", "no.such", secret))
        told = repr(client) + error.message + error.raw + echo.message + echo.raw + caplog.text
    assert "PASSWORD ***" in caplog.text
    assert secret not in told and quote(secret)[1:-1] not in told
    server.users["operator"] = secret
    with NutClient("127.0.0.1", server.port, "operator", secret, timeout=5) as client:
        assert client.can_set("rack") is True


def test_importing_it_leaves_the_root_logger_and_warnings_alone():
    program = (
        "import logging; import ingest.nut.client; root = logging.getLogger(); "
        "assert root.handlers == [] and root.level == logging.WARNING, (root.handlers, root.level)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_using_it_leaves_the_root_logger_alone(server):
    program = (
        "import logging; from ingest.nut.client import NutClient; "
        f"c = NutClient('127.0.0.1', {server.port}, 'a', 'b'); "
        "c.list_vars('rack'); c.close(); assert logging.getLogger().handlers == []"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('VAR su700 ups.status "OL"', ["VAR", "su700", "ups.status", "OL"]),
        ('VAR a b ""', ["VAR", "a", "b", ""]),
        (r'VAR a b "x \"y\" \\ z"', ["VAR", "a", "b", 'x "y" \\ z']),
        ('RANGE a b "90" "100"', ["RANGE", "a", "b", "90", "100"]),
        ("TYPE a b RW STRING:10", ["TYPE", "a", "b", "RW", "STRING:10"]),
        ('VAR a b "it\'s"', ["VAR", "a", "b", "it's"]),
    ],
)
def test_split_arguments(line, expected):
    assert split_arguments(line) == expected


def test_a_quote_that_does_not_end():
    with pytest.raises(ValueError, match="does not end"):
        split_arguments('VAR a b "half')


def test_quote_and_split_arguments_are_each_others_inverse():
    for value in (ODD, "", " ", '"', "\\", '\\"', "a\\nb"):
        assert split_arguments(quote(value)) == [value]
