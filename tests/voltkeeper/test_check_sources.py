"""`voltkeeper check` of a NUT server and of an EP20: how they are, or what is wrong and the remedy."""

from dataclasses import replace

import pytest

from ingest.config.model import MustSettings, NutServerSettings, UpsSettings
from ingest.demo.ups.ep20 import ON_LINE, DemoEP20
from ingest.demo.ups.upsd import DemoUpsd
from tests.ingest.nut.scripted import CLOSE, ScriptedUpsd
from tests.programs import free_port
from voltkeeper.check.sources import probe_must, probe_nut, probe_orders


def test_a_server_tells_the_status_of_each_ups():
    with DemoUpsd() as upsd:
        good, words = probe_nut(NutServerSettings("a", port=upsd.port))
        assert good and all(f"{name} is on" in words for name in ("rack", "desk", "attic"))
        good, words = probe_nut(NutServerSettings("a", port=upsd.port, ups=("rack", "shed")))
        assert not good and words.startswith("shed: ") and "knows no UPS of this name" in words
        upsd.fail("stale", "desk")
        good, words = probe_nut(NutServerSettings("a", port=upsd.port))
        assert not good and words.startswith("desk: ") and "cable" in words


def server(upsd, user="operator", password="demo"):
    return NutServerSettings("a", port=upsd.port, command_username=user, command_password=password)


def test_orders_that_would_be_taken_and_a_user_who_may_not_give_them():
    listed = {"rack@a": UpsSettings(commands=("beeper.mute", "load.off"), settings=("battery.charge.low",))}
    with DemoUpsd() as upsd:
        assert probe_orders(server(upsd), listed) == (True, "rack@a: 2 commands, 1 setting")
        for more in (listed, {}):
            good, words = probe_orders(server(upsd, password="x"), more)
            assert not good and "operator is refused: wrong password" in words
        good, words = probe_orders(server(upsd, None, None), listed)
        assert not good and "name them as command_username and command_password" in words
        only_commands = {"rack@a": UpsSettings(commands=("beeper.mute",))}
        good, words = probe_orders(server(upsd, password="x"), only_commands)
        assert good and "shows with the first one" in words
        upsd.fail("stale", "rack")
        good, words = probe_orders(server(upsd), listed)
        assert not good and "cable" in words


def test_orders_that_a_ups_does_not_have():
    listed = {
        "rack@a": UpsSettings(commands=("beeper.toggle",), settings=("ups.delay.start",)),
        "attic@a": UpsSettings(commands=("beeper.toggle",)),
        "rack@b": UpsSettings(commands=("nope",)),
    }
    with DemoUpsd() as upsd:
        good, words = probe_orders(server(upsd), listed)
        assert not good and words.count(";") == 1
        assert "rack@a has no command beeper.toggle: did you mean 'beeper." in words
        assert "rack@a has no setting ups.delay.start: " in words
        upsd.fail("bare")
        assert "the server lists none" in probe_orders(server(upsd), listed)[1]
    good, words = probe_orders(NutServerSettings("a", port=free_port()), listed)
    assert not good and "nothing listens" in words


@pytest.mark.parametrize("answer", [b"ERR UNKNOWN-COMMAND\n", b"ERR INVALID-ARGUMENT\n", CLOSE])
def test_a_server_that_takes_no_user_is_right_and_reported(answer):
    with ScriptedUpsd({"USERNAME": answer}) as upsd:
        settings = NutServerSettings("a", port=upsd.port, username="reader", password="secret")
        good, words = probe_nut(settings)
        assert good and words.startswith("rack is on mains; ") and "takes no user (reader" in words
        good, words = probe_nut(replace(settings, username=None, password=None))
        assert (good, words) == (True, "rack is on mains")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"ERR VAR-NOT-SUPPORTED\n", "rack: status not reported"),
        (b'VAR rack ups.status "OB LB"\n', "rack is on battery, battery low (Critical)"),
        (b'VAR rack ups.status "OL BYPASS"\n', "rack is on mains, on bypass, not protected (Warning)"),
    ],
)
def test_the_state_of_a_ups_is_named_with_its_severity(answer, words):
    with ScriptedUpsd({"GET VAR rack ups.status": answer}) as upsd:
        assert probe_nut(NutServerSettings("a", port=upsd.port)) == (True, words)


def test_an_address_that_a_nas_does_not_permit():
    with ScriptedUpsd({"LIST": b"ERR ACCESS-DENIED\n", "LIST UPS": b"ERR ACCESS-DENIED\n"}) as upsd:
        good, words = probe_nut(NutServerSettings("a", port=upsd.port))
    assert not good and "the address 127.0.0.1" in words and "Synology" in words


def test_a_server_that_is_not_there():
    good, words = probe_nut(NutServerSettings("a", port=free_port()))
    assert not good and "nothing listens" in words


def test_an_ep20_and_a_port_that_is_not_there(tmp_path):
    with DemoEP20(lambda t: ON_LINE) as ep20:
        assert probe_must(MustSettings("a", ep20.device)) == (True, "answers: on mains, 100 % charged")
    good, words = probe_must(MustSettings("a", str(tmp_path / "none")))
    assert not good and "does not exist" in words
