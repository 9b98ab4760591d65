"""Settings are done once the UPS reports their value: on a real upsd, and with drivers that misbehave."""

import time

import pytest

from ingest.config.model import NutServerSettings
from ingest.demo.ups.upsd import DemoUpsd
from ingest.demo.ups.upsd_dialogue import UpsdRefusalError
from ingest.nut.commander import Commander, CommanderTiming
from ingest.ups.order_queue import OrderQueue
from ingest.ups.orders import UpsOrder
from tests.ingest.nut.lab import PASSWORD, USER, Lab, until

QUICK = CommanderTiming(track_s=1.5, read_back_s=3)
DEVICE = {
    "variables": {"ups.status": "OL", "battery.charge.low": "10", "ups.id": "x", "ups.delay.start": "30"},
    "rw": {
        "battery.charge.low": ["STRING", 10],
        "ups.id": ["STRING", 16],
        "ups.delay.start": ["RANGE", 0, 600],
    },
    "commands": ["test.battery.start", "shutdown.return", "vendor.blink", "beeper.mute"],
}


DUMMY = "ups.status: OL\nups.id: x\nbattery.charge.low: 10\nups.delay.shutdown: 020\n"


class Sender:
    """A Commander with what it reports."""

    def __init__(self, server, timing=QUICK):
        self.updates, self.items = [], []
        self.queue = OrderQueue(self.updates.append, lambda seconds: True)
        self.commander = Commander(server, self.queue, self.items.append, timing)
        self.commander.start()

    def order(self, number=1, command=None, variable=None, value=None, ups="rack@lab"):
        self.queue.add(UpsOrder(number, ups, command, variable, value, "owner", time.monotonic() + 30))

    def set(self, variable, value, number=1):
        self.order(number, variable=variable, value=value)
        return self.ended(number)

    def ended(self, number=1):
        """The last report of an order, once it has come to an end."""
        ends = until(lambda: [u for u in self.updates if u.order.id == number and u.state != "sent"], bool)
        return ends[0]

    def stop(self):
        self.commander.stop()
        self.commander.join(5)
        assert not self.commander.is_alive()


@pytest.fixture
def sender():
    senders = []

    def make(*arguments):
        senders.append(Sender(*arguments))
        return senders[-1]

    yield make
    for one in senders:
        one.stop()


def server_of(lab):
    return NutServerSettings("lab", port=lab.port, command_username=USER, command_password=PASSWORD)


def server_of_demo(upsd):
    return NutServerSettings("lab", port=upsd.port, command_username="operator", command_password="demo")


@pytest.fixture(scope="module")
def lab():
    with Lab({"rack": DEVICE}) as lab:
        lab.wait("rack")
        yield lab


@pytest.fixture
def rack(lab, sender):
    """A sender for the lab, whose driver is told to obey again afterwards."""
    yield sender(server_of(lab))
    lab.tell("rack", verdict="0", keeps=None, after_s=0)


@pytest.fixture(scope="module")
def dummy():
    """A real dummy-ups: NUT 2.8.0 drops quotes, backslashes and what is no ASCII, and reports success."""
    with Lab({"rack": DUMMY}) as lab:
        lab.wait("rack")
        yield lab


def stored(lab, variable):
    """The value of a variable, None where there is no such variable."""
    with lab.client() as client:
        return client.list_vars("rack").get(variable)


@pytest.mark.parametrize(
    "value",
    ['quote " in', "back\\slash", "Büro", 'two"" quotes', "a#b=c", "# first", "日本", "tab-less ünïcode"],
)
def test_what_a_real_driver_stores_otherwise_has_failed(dummy, sender, value):
    if stored(dummy, "ups.id") != "x":  # a test before this one changed it, or made the driver drop it
        dummy.write("rack", DUMMY)
        assert until(lambda: stored(dummy, "ups.id"), lambda id: id == "x") == "x"
    end = sender(server_of(dummy)).set("ups.id", value)
    kept = stored(dummy, "ups.id")
    if kept == value:  # a driver of a later NUT
        assert (end.state, end.reason) == ("done", "")
    else:
        assert end.state == "failed" and ("within 3 s" in end.reason or "for 1.5 s" in end.reason)
        found = "still reports x" if kept == "x" else f"reports {kept or 'no ups.id any more'}"
        assert f"the UPS {found}" in end.reason


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ups.id", "plain"),
        ("ups.id", "two words"),
        ("ups.id", "a=b"),
        ("ups.id", "[a] {b} $c'd"),
        ("battery.charge.low", "35"),
        ("battery.charge.low", "20.50"),
        ("ups.delay.shutdown", "45"),
        ("ups.delay.shutdown", "20"),
    ],
)
def test_what_a_real_driver_stores_as_it_is_is_done(dummy, sender, variable, value):
    end = sender(server_of(dummy)).set(variable, value)
    assert (end.state, end.reason) == ("done", "") and stored(dummy, variable) == value


@pytest.mark.parametrize("value", ["ends with \\", 'ends with "', '"'])
def test_a_value_that_would_swallow_the_next_report_is_not_sent(dummy, sender, value):
    one = sender(server_of(dummy))
    end = one.set("ups.id", value)
    assert end.state == "failed" and end.reason.startswith("not sent: ends with a quote or a backslash")
    assert one.set("ups.id", "next", number=2).state == "done"


def test_an_empty_value_that_makes_a_real_driver_drop_the_variable_has_failed(sender):
    with Lab({"rack": "ups.status: OL\nups.id: x\n"}) as lab:
        lab.wait("rack")
        one = sender(server_of(lab))
        end = one.set("ups.id", "")
        assert end.state == "failed" and end.reason.startswith("the UPS reports no ups.id any more"), end
        again = one.set("ups.id", "y", number=2)
        assert again.state == "failed" and again.reason.startswith("not sent: ")


def test_a_hash_in_a_value_or_password_does_not_cost_the_connection(sender):
    """A real upsd takes a bare # in quotes for an error and answers nothing at all."""
    users = '[hash]\n  password = "a\\#1"\n  actions = SET\n  instcmds = ALL\n'
    with Lab({"rack": DUMMY}, users=users) as lab:
        lab.wait("rack")
        server = NutServerSettings("lab", port=lab.port, command_username="hash", command_password="a#1")
        one = sender(server)
        assert one.set("ups.id", "y").state == "done"
        assert one.set("ups.id", "a#b", number=2).state in ("done", "failed")
        assert one.set("ups.id", "z", number=3).state == "done"


def test_success_without_effect_has_failed(lab, rack):
    lab.tell("rack", keeps={"battery.charge.low": "10"})
    end = rack.set("battery.charge.low", "20")
    assert end.state == "failed" and rack.updates[0].old == "10"
    assert end.reason.startswith("the UPS still reports 10: its driver accepted it")
    assert "SET battery.charge.low 20" in lab.told("rack")


@pytest.mark.parametrize(
    ("variable", "value", "kept"),
    [
        ("battery.charge.low", "23", "20"),  # CyberPower rounds to what it knows: nut #1901
        ("ups.delay.start", "90", "60"),  # in whole minutes: nut #578
        ("ups.id", "Rack in the cellar"[:16], "Rack in "),
        ("ups.id", "lower", "LOWER"),
        ("ups.id", "12345678901234567"[:16], "1234567890123450"),
    ],
)
def test_a_value_that_the_ups_changes_has_failed(lab, rack, variable, value, kept):
    lab.tell("rack", keeps={variable: kept})
    end = rack.set(variable, value)
    assert end.state == "failed" and end.reason.startswith(f"the UPS reports {kept} instead: "), end.reason


@pytest.mark.parametrize(("value", "kept"), [("50", "050"), ("50", "50.0"), ("50.0", "50")])
def test_the_same_number_otherwise_written_is_done(lab, rack, value, kept):
    lab.tell("rack", keeps={"battery.charge.low": kept})
    assert rack.set("battery.charge.low", value).state == "done"


def test_a_driver_that_reports_the_new_value_late_is_waited_for(lab, rack):
    lab.tell("rack", after_s=1.5)
    began = time.monotonic()
    end = rack.set("battery.charge.low", "44")
    assert (end.state, end.reason) == ("done", "") and time.monotonic() - began >= 1.2


def test_a_driver_too_old_to_answer_is_read_back(lab, rack):
    lab.tell("rack", verdict="", keeps=None)
    end = rack.set("battery.charge.low", "33")
    assert end.state == "failed" and "its driver reports no result for 1.5 s" in end.reason
    lab.tell("rack", verdict="", keeps={"battery.charge.low": "34"})
    assert rack.set("battery.charge.low", "34", number=2).state == "done"


def test_a_setting_that_cannot_be_read_back_is_unknown(lab, rack):
    lab.tell("rack", keeps={"battery.charge.low": "10"})
    rack.order(variable="battery.charge.low", value="77")
    until(lambda: "SET battery.charge.low 77" in lab.told("rack"), bool)
    lab.kill(lab.drivers["rack"])
    end = rack.ended()
    lab.start_driver("rack")
    lab.wait("rack")
    assert end.state == "unknown" and "driver of this UPS does not" in end.reason, end


@pytest.mark.parametrize("fault", [None, "untracked"])
def test_a_server_that_answers_ok_and_keeps_its_value(sender, fault):
    with DemoUpsd() as upsd:
        if fault:
            upsd.fail(fault)
        now = upsd.variables("rack")["battery.charge.low"]
        keep = upsd.variables
        upsd.variables = lambda ups: keep(ups) | {"battery.charge.low": now}
        end = sender(server_of_demo(upsd)).set("battery.charge.low", "15")
        assert end.state == "failed" and end.reason.startswith(f"the UPS still reports {now}: "), end


def test_a_command_goes_out_with_its_value(lab, rack):
    for number, (command, value) in enumerate(
        [
            ("test.battery.start", "60"),
            ("shutdown.return", "30"),
            ("vendor.blink", "fast"),
            ("beeper.mute", None),
        ]
    ):
        rack.order(number, command, value=value)
        assert rack.ended(number).state == "done"
    assert lab.told("rack")[-4:] == [
        "INSTCMD test.battery.start 60",
        "INSTCMD shutdown.return 30",
        "INSTCMD vendor.blink fast",
        "INSTCMD beeper.mute",
    ]
    assert [item.command for item in rack.items][:2] == ["test.battery.start", "shutdown.return"]


@pytest.mark.parametrize(("verdict", "words"), [("2", "rejects the argument"), ("3", "did not do it")])
def test_a_driver_that_does_not_take_the_value(lab, rack, verdict, words):
    lab.tell("rack", verdict=verdict)
    rack.order(command="test.battery.start", value="60")
    end = rack.ended()
    assert end.state == "failed" and words in end.reason


def test_a_server_that_does_not_take_a_value_says_so(sender, monkeypatch):
    with DemoUpsd() as upsd:
        take = upsd.command

        def refuse(ups, command, value=None):
            if value is not None:
                raise UpsdRefusalError("INVALID-ARGUMENT")
            take(ups, command)

        upsd.command = refuse
        one = sender(server_of_demo(upsd))
        one.order(1, "test.battery.start.quick", value="60")
        end = one.ended()
        assert end.state == "failed" and "takes no value with test.battery.start.quick" in end.reason
        assert "order it without one" in end.reason
        one.order(2, "test.battery.start.quick")
        assert one.ended(2).state == "done"
