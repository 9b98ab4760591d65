"""The NUT client against the real upsd with dummy-ups: device files, outages, servers and drivers that go."""

import threading
import time

import pytest

from ingest.nut.errors import NutError
from tests.ingest.nut.lab import DEVICES, Lab, until

OURS = ("driver.", "server.")


def failure(call) -> NutError:
    with pytest.raises(NutError) as caught:
        call()
    return caught.value


def device_file(name: str) -> dict[str, str]:
    """What a device file says."""
    rows = (
        line.split(":", 1)
        for line in (DEVICES / name).read_text().splitlines()
        if line and not line.startswith("#")
    )
    return {variable: value.strip() for variable, value in rows}


@pytest.fixture(scope="module")
def lab():
    upses = {
        "eaton": DEVICES / "eaton-3s-550.dev",
        "apc": DEVICES / "apc-back-ups-rs-1600si.dev",
        "power": DEVICES / "outage.seq",
        "plain": 'ups.status: OL\nbattery.charge: 100\ninput.voltage: 230.4\nups.load: 24\nups.alarm: ""\n',
    }
    with Lab(upses, maxage=3) as lab:
        for name in upses:
            lab.wait(name)
        yield lab


@pytest.fixture
def client(lab):
    with lab.client() as client:
        yield client


@pytest.mark.parametrize(
    ("ups", "file"), [("eaton", "eaton-3s-550.dev"), ("apc", "apc-back-ups-rs-1600si.dev")]
)
def test_every_variable_of_a_device_file_arrives_as_it_stands(client, ups, file):
    got = {k: v for k, v in client.list_vars(ups).items() if not k.startswith(OURS)}
    assert got == device_file(file)


def test_what_the_server_tells_of_itself(client):
    assert client.list_ups() == {name: f"Test {name}" for name in ("eaton", "apc", "power", "plain")}
    assert "upsd" in client.ver()
    # Drivers of NUT 2.8.1 and later add driver.killpower and others.
    assert "load.off" in client.list_command_names("apc")
    assert client.list_commands("apc")["load.off"] == "Turn off the load immediately"
    assert client.list_rw_vars("eaton")["ups.delay.shutdown"] == "90"
    assert client.list_enum("eaton", "ups.load") == client.list_range("eaton", "ups.load") == []
    assert client.var_description("apc", "ups.load") == "Load on UPS (percent of full)"
    assert client.var_type("apc", "ups.load") == "RW NUMBER"


def test_lists_do_not_wait_for_delayed_acknowledgements(client):
    """A list takes 44 ms with a delayed acknowledgement, 1 ms without: the fastest of many shows which."""
    seconds = []
    for _ in range(50):
        began = time.monotonic()
        client.list_vars("apc")
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 0.03


def test_login_and_list_client(lab, client):
    assert client.list_clients("eaton") == []
    client.login("eaton")
    assert client.list_clients("eaton") == ["127.0.0.1"]
    assert client.num_logins("eaton") == 1
    assert client.count_logins("eaton") == {"127.0.0.1": 1} and client.count_logins("apc") == {}
    with lab.client() as second:
        second.login("eaton")
        assert client.count_logins("eaton") == {"127.0.0.1": 2}


def test_credentials_are_known_to_be_right_or_wrong(lab, client):
    assert client.can_set("apc") is True
    for username, password in (("admin", "wrong"), ("nobody", "x"), (None, None)):
        with lab.client(username=username, password=password) as other:
            assert other.can_set("apc") is False
            assert failure(lambda: other.set_var("apc", "ups.load", 5)).outcome == "denied"
            assert other.get_var("apc", "ups.model") == "Back-UPS RS 1600SI"


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (lambda c: c.get_var("nope", "ups.status"), "unknown_ups"),
        (lambda c: c.list_vars("nope"), "unknown_ups"),
        (lambda c: c.get_var("apc", "no.such"), "unsupported"),
        (lambda c: c.run_command("apc", "test.battery.start"), "unsupported"),
        (lambda c: c.set_var("apc", "driver.name", "x"), "readonly"),
        (lambda c: c.set_var("apc", "ups.status", "OL\nFSD apc"), "invalid"),
    ],
)
def test_refusals_leave_the_connection_usable(client, call, outcome):
    assert failure(lambda: call(client)).outcome == outcome
    assert client.usable and client.get_var("apc", "ups.model") == "Back-UPS RS 1600SI"


def test_what_came_of_a_command_is_told_later_and_ok_alone_means_little(client):
    assert client.track() is True
    id = client.run_command("apc", "load.off")  # dummy-ups lists it, and cannot do it
    error = until(lambda: verdict(client, id), bool, 5)
    assert error.outcome == "failed" and error.raw == "ERR UNKNOWN" and client.usable
    id = client.set_var("apc", "ups.delay.shutdown", "25")
    assert until(lambda: client.tracked(id), bool, 5) is True
    assert client.get_var("apc", "ups.delay.shutdown") == "25"


def verdict(client, id):
    try:
        client.tracked(id)
    except NutError as error:
        return error
    return None


def test_a_server_follows_up_for_users_alone(lab):
    with lab.client(username=None, password=None) as anonymous:
        assert anonymous.track() is False
        assert failure(lambda: anonymous.run_command("apc", "load.off")).outcome == "denied"
        assert anonymous.usable


def test_a_status_set_by_set_var_arrives_with_both_words(lab, client):
    client.set_var("plain", "ups.status", "OB DISCHRG")
    assert lab.wait("plain", "OB DISCHRG", 3) == "OB DISCHRG"
    client.set_var("plain", "ups.status", "OB DISCHRG LB")
    assert lab.wait("plain", "OB DISCHRG LB", 3) == "OB DISCHRG LB"
    client.set_var("plain", "ups.status", "OL CHRG")
    assert lab.wait("plain", "OL CHRG", 3) == "OL CHRG"


def test_a_status_changed_in_the_file(lab, client):
    lab.change("plain", ups_status="ALARM OB", input_voltage="0")
    assert lab.wait("plain", "ALARM OB", 4) == "ALARM OB"
    assert client.get_var("plain", "input.voltage") == "0"
    lab.change("plain", ups_status="OL", input_voltage="230.4")
    assert lab.wait("plain", "OL", 4) == "OL"


def test_an_outage_played_from_a_sequence(client):
    seen = []

    def watch() -> list[tuple[str, str]]:
        values = client.list_vars("power")
        state = (values["ups.status"], values["battery.charge"])
        if not seen or seen[-1] != state:
            seen.append(state)
        return seen

    until(watch, lambda s: s.count(("OB DISCHRG LB", "15")) and s[-1] == ("OL CHRG", "20"), 14)
    first = seen.index(("OB DISCHRG LB", "15"))
    assert seen[first : first + 2] == [("OB DISCHRG LB", "15"), ("OL CHRG", "20")]
    if first:
        assert seen[first - 1] == ("OB DISCHRG", "60")


def test_a_hanging_driver_is_stale_and_heals_and_disturbs_no_other(lab, client):
    driver = lab.drivers["eaton"]
    lab.freeze(driver)
    try:
        assert lab.wait("eaton", "STALE", 8) == "STALE"
        assert failure(lambda: client.list_vars("eaton")).outcome == "stale"
        assert client.list_vars("apc")["ups.model"] == "Back-UPS RS 1600SI"
        assert "eaton" in client.list_ups()
    finally:
        lab.thaw(driver)
    assert lab.wait("eaton", "OL CHRG", 3) == "OL CHRG"
    assert client.usable


def test_a_killed_driver_is_told_and_comes_back_on_the_same_connection(lab, client):
    lab.kill(lab.drivers["apc"])
    assert lab.wait("apc", "DRIVER", 5) == "DRIVER"
    error = failure(lambda: client.list_vars("apc"))
    assert error.outcome == "driver" and "upsdrvctl" in error.message
    assert client.get_var("eaton", "ups.model") == "Eaton 3S 550"
    lab.start_driver("apc")
    assert lab.wait("apc", "OL CHRG", 8) == "OL CHRG"
    assert client.list_vars("apc")["battery.runtime"] == "17814"


@pytest.mark.timeout(60)
def test_a_frozen_server_then_the_same_connection_and_a_new_one(lab):
    client = lab.client(timeout=1)
    lab.freeze(lab.upsd)
    try:
        assert failure(lambda: client.get_var("apc", "ups.status")).outcome == "timeout"
        assert not client.usable
        fresh = failure(lambda: lab.client(timeout=0.5))
        assert fresh.outcome == "timeout"
        blocked = lab.client(timeout=300, username=None, password=None)
        threading.Timer(0.2, blocked.close).start()
        assert failure(lambda: blocked.list_vars("apc")).outcome == "closed"
    finally:
        lab.thaw(lab.upsd)
    assert failure(lambda: client.get_var("apc", "battery.charge")).outcome == "closed"
    client.close()
    with lab.client() as client:
        assert client.get_var("apc", "battery.charge") == "98"


def test_a_killed_server_and_its_restart(lab, client):
    assert client.get_var("eaton", "ups.status") == "OL CHRG"
    lab.kill(lab.upsd)
    assert failure(lambda: client.get_var("eaton", "ups.status")).outcome == "closed"
    assert failure(lab.client).outcome == "refused"
    lab.start_upsd()
    assert lab.wait("eaton") == "OL CHRG"
    assert failure(lambda: client.get_var("eaton", "ups.status")).outcome == "closed"
    with lab.client() as client:
        assert client.list_vars("eaton")["ups.load"] == "23"
