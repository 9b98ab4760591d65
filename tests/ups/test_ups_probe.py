"""What `voltkeeper check` says of a NUT server and of an EP20: how they are, or what is wrong and what to do."""

from ingest.config import Must, NutServer
from ingest.demo.ep20 import ON_LINE, DemoEP20
from ingest.demo.upsd import DemoUpsd
from ingest.ups.probe import probe_must, probe_nut
from tests.nut.lab import free_port


def test_a_server_tells_the_status_of_each_ups():
    with DemoUpsd() as upsd:
        good, words = probe_nut(NutServer("a", port=upsd.port))
        assert good and all(f"{name} is on" in words for name in ("rack", "desk", "attic"))
        good, words = probe_nut(NutServer("a", port=upsd.port, ups=("rack", "shed")))
        assert not good and words.startswith("shed: ") and "knows no UPS of this name" in words
        upsd.fail("stale", "desk")
        good, words = probe_nut(NutServer("a", port=upsd.port))
        assert not good and words.startswith("desk: ") and "cable" in words


def test_a_user_who_may_not_send_commands_is_named():
    with DemoUpsd() as upsd:
        right = NutServer("a", port=upsd.port, command_username="operator", command_password="demo")
        assert probe_nut(right)[0]
        good, words = probe_nut(NutServer("a", port=upsd.port, command_username="operator", command_password="x"))
        assert not good and "operator is refused" in words


def test_a_server_that_is_not_there():
    good, words = probe_nut(NutServer("a", port=free_port()))
    assert not good and "nothing listens" in words


def test_an_ep20_and_a_port_that_is_not_there(tmp_path):
    with DemoEP20(lambda t: ON_LINE) as ep20:
        assert probe_must(Must("a", ep20.device)) == (True, "answers: on mains, 100 % charged")
    good, words = probe_must(Must("a", str(tmp_path / "none")))
    assert not good and "does not exist" in words
