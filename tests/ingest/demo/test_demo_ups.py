"""The demo's UPSes: the same for the same time, with outages; NUT's own programs read them."""

import socket
import subprocess
import time

import pytest

from ingest.demo.site import UPS_SETTINGS, demo_config
from ingest.demo.ups.mains import Mains, MainsFailure
from ingest.demo.ups.models import MODELS, DemoUps, demo_upses, model
from ingest.demo.ups.upsd import DemoUpsd
from ingest.demo.ups.upsd_dialogue import MAX_CLIENTS, MAX_REQUEST
from ingest.must import registers
from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.ups.commands import EP20_COMMANDS
from tests.ingest.nut.lab import nut_program, until

START = 1_800_000_000.0
DAY = 86400


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_a_function_of_the_time_alone(name):
    assert model(name, START) == model(name, START)
    assert model(name, START) != model(name, START + 600)
    assert model(name, START).keys() == model(name, START + 40 * DAY).keys()


@pytest.mark.parametrize("name", MODELS)
def test_an_outage_begins_and_ends_at_its_second(name):
    mains = Mains((MainsFailure(START, START + 300),), quiet=True)
    words = [model(name, START + s, mains)["ups.status"].split()[0] for s in (-0.5, 0, 299.5, 300)]
    assert words == ["OL", "OB", "OB", "OL"]


def test_a_long_outage_reaches_low_battery_and_charges_again_afterwards():
    mains = Mains((MainsFailure(START, START + 3300),), quiet=True)
    rows = [model("desk", START + s, mains) for s in range(-60, 3360, 60)]
    charges = [float(row["battery.charge"]) for row in rows]
    assert charges[0] == 100 and charges[-3] < 20
    assert sorted(charges[:-2], reverse=True) == charges[:-2]
    assert rows[-3]["ups.status"] == "OB DISCHRG LB"
    assert rows[-1]["ups.status"] == "OL CHRG"
    assert model("desk", START + DAY, mains)["ups.status"] == "OL"


def test_two_months_have_short_outages_a_long_one_and_one_of_a_single_ups():
    mains = Mains()
    lengths = [o.end - o.start for o in mains.failures(START, START + 60 * DAY)]
    assert 20 < len(lengths) < 150
    assert any(length > 2400 for length in lengths) and min(lengths) >= 15
    house = {o.start for o in mains.failures(START, START + 60 * DAY)}
    study = {o.start for o in mains.behind("study").failures(START, START + 60 * DAY)}
    assert 0 < len(study - house) < 10 and len(house - study) <= len(study - house)


def test_outages_do_not_depend_on_the_window_asked_for():
    mains = Mains()
    whole = mains.failures(START, START + 20 * DAY)
    parts = {
        o for hour in range(20 * 24) for o in mains.failures(START + hour * 3600, START + (hour + 1) * 3600)
    }
    assert set(whole) == parts
    assert all(mains.failure_at(o.start) == o and mains.failure_at(o.end) is None for o in whole)


def test_nuts_own_programs_read_and_write_the_demo_server():
    nut_program("upsd")
    with DemoUpsd() as server:
        at = f"127.0.0.1:{server.port}"

        def run(*arguments: str) -> str:
            done = subprocess.run(arguments, capture_output=True, text=True, timeout=10)
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert set(run("upsc", "-l", at).split()) == set(MODELS)
        told = dict(line.split(": ", 1) for line in run("upsc", f"desk@{at}").splitlines())
        assert told.keys() == model("desk", time.time()).keys()
        assert "beeper.mute" in run("upscmd", "-l", f"rack@{at}")
        run("upscmd", "-u", "operator", "-p", "demo", f"rack@{at}", "beeper.mute")
        assert run("upsc", f"rack@{at}", "ups.beeper.status").strip() == "muted"
        assert "input.sensitivity" in run("upsrw", f"rack@{at}")
        run("upsrw", "-s", "input.sensitivity=low", "-u", "operator", "-p", "demo", f"rack@{at}")
        assert run("upsc", f"rack@{at}", "input.sensitivity").strip() == "low"


def test_a_self_test_runs_and_passes():
    now = [START]
    with DemoUpsd(clock=lambda: now[0]) as server:
        server.command("rack", "test.battery.start.quick")
        assert server.variables("rack")["ups.test.result"] == "In progress"
        now[0] += 20
        assert server.variables("rack")["ups.test.result"] == "Done and passed"


def test_a_self_test_that_is_stopped_and_a_battery_that_feels_it():
    now = [START]
    with DemoUpsd(clock=lambda: now[0]) as server:
        before = float(server.variables("rack")["battery.voltage"])
        server.command("rack", "test.battery.start.quick")
        assert float(server.variables("rack")["battery.voltage"]) < 0.95 * before
        server.command("rack", "test.battery.stop")
        assert server.variables("rack")["ups.test.result"] == "Aborted"
        assert float(server.variables("rack")["battery.voltage"]) == before


def test_what_may_be_ordered_in_the_demo_house_is_there():
    orders = dict(UPS_SETTINGS)
    assert set(orders.pop("garage").commands) == set(registers.COMMANDS) == set(EP20_COMMANDS)
    for name, own in orders.items():
        ups = demo_upses()[name.partition("@")[0]]
        assert set(own.commands) <= set(ups.commands) and set(own.settings) <= set(ups.writable)
    config = demo_config("127.0.0.1:5003", 3493)
    assert [*config.check(), *config.plan[0].check()] == []
    assert not any(step.webhook or step.wake for step in config.plan[0].steps)  # nothing outside the house


def test_the_demo_server_tells_what_came_of_a_command():
    with DemoUpsd() as server, NutClient("127.0.0.1", server.port, "operator", "demo") as client:
        assert client.track() is True
        id = client.run_command("rack", "beeper.mute")
        assert client.tracked(id) is False
        assert until(lambda: client.tracked(id), bool, 3) is True
        server.fail("untracked")
        with NutClient("127.0.0.1", server.port, "operator", "demo") as old:
            assert old.track() is False and old.run_command("rack", "beeper.mute") == ""


def test_the_demo_server_grants_a_shutdown_and_has_limits():
    with DemoUpsd() as upsd, NutClient("127.0.0.1", upsd.port, timeout=20) as watching:
        with socket.create_connection(("127.0.0.1", upsd.port), 20) as client:
            replies = client.makefile("rb")

            def ask(line):
                client.sendall(line.encode() + b"\n")
                return replies.readline().decode().strip()

            assert ask("FSD rack") == "ERR USERNAME-REQUIRED"
            assert [ask("USERNAME operator"), ask("PASSWORD demo"), ask("LOGIN rack")] == ["OK"] * 3
            assert (ask("PRIMARY rack"), ask("MASTER rack")) == ("OK PRIMARY-GRANTED", "OK MASTER-GRANTED")
            assert ask("FSD nowhere") == "ERR UNKNOWN-UPS"
            assert not watching.get_var("rack", "ups.status").startswith("FSD ")
            assert ask("FSD rack") == "OK FSD-SET"
            assert watching.get_var("rack", "ups.status").startswith("FSD ")
            assert not watching.get_var("desk", "ups.status").startswith("FSD ")
            client.sendall(b"x" * (MAX_REQUEST + 1))
            assert replies.readline() == b"", "a line without end"
        others = [socket.create_connection(("127.0.0.1", upsd.port), 20) for _ in range(MAX_CLIENTS)]
        assert until(lambda: len(upsd.connections), lambda number: number == MAX_CLIENTS) == MAX_CLIENTS
        assert others[-1].recv(1) == b"", "one more than it serves"
        for one in others:
            one.close()


def test_a_ups_that_gives_no_data_for_a_while():
    now = [0.0]
    ups = DemoUps("Rack", lambda t: {"ups.status": "OL"}, is_stale=lambda t: 10 <= t < 20)
    with DemoUpsd({"rack": ups}, clock=lambda: now[0]) as upsd, NutClient("127.0.0.1", upsd.port) as client:
        assert client.get_var("rack", "ups.status") == "OL"
        now[0] = 15.0
        with pytest.raises(NutError) as raised:
            client.list_vars("rack")
        assert raised.value.outcome == "stale"
        now[0] = 20.0
        assert client.list_vars("rack") == {"ups.status": "OL"}
