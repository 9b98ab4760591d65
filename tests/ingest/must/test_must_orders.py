"""Orders to an EP20 on a pseudo terminal: written once, read back, within their time or not at all."""

import time

import pytest

from ingest.config.model import MustSettings
from ingest.demo.ups.ep20 import ON_LINE, DemoEP20
from ingest.must import protocol, registers
from ingest.must.client import MustClient, MustClientTiming
from ingest.must.orders import MustOrders
from ingest.must.reader import MustReader
from ingest.pipeline.source_health import Health
from ingest.ups.commands import EP20_COMMANDS
from ingest.ups.order_queue import OrderQueue
from ingest.ups.orders import UpsOrder
from ingest.ups.records import InstantCommand, Poll
from tests.ingest.nut.lab import until

FAST = MustClientTiming(answer_s=0.2, late_s=0.3)


def order(number=1, command="beeper.disable", seconds=30.0, variable=None, value=None):
    return UpsOrder(number, "garage", command, variable, value, "owner", time.monotonic() + seconds)


def writes(device):
    return [request for request in device.requests if request[1] == protocol.WRITE]


@pytest.fixture
def device():
    with DemoEP20(lambda t: ON_LINE) as ep20:
        yield ep20


@pytest.fixture
def client(device):
    with MustClient(device.device, timing=FAST) as client:
        yield client


class Sending:
    """MustOrders with its reports; `commit` is called when an order is about to leave."""

    def __init__(self, commit=lambda seconds: True):
        self.updates, self.commands = [], []
        self.queue = OrderQueue(self.updates.append, commit)
        self.orders = MustOrders(self.queue, self.commands.append)

    def send(self, client, *orders, problem="port: unplugged"):
        for one in orders:
            self.queue.add(one)
        return self.orders.work(client, problem)

    @property
    def states(self):
        return [(update.order.id, update.state) for update in self.updates]


@pytest.fixture
def sending():
    return Sending()


def test_the_commands_of_the_config_are_those_of_the_registers():
    assert tuple(registers.COMMANDS) == EP20_COMMANDS


@pytest.mark.parametrize(("command", "value"), [("beeper.disable", 1), ("beeper.enable", 0)])
def test_a_command_is_written_once_and_read_back(device, client, sending, command, value):
    device.settings[6] = 1 - value
    settings = sending.send(client, order(command=command))
    assert sending.states == [(1, "sent"), (1, "done")] and sending.updates[-1].reason == ""
    assert writes(device) == [protocol.format_write(31006, [value])]
    assert device.settings[6] == value == settings[6]
    sent = sending.commands[0]
    assert (sent.ups, sent.command, sent.by, sent.confirmed) == ("garage", command, "owner", True)


def test_it_is_on_disk_as_sent_before_the_first_byte_leaves(device, client):
    sending = Sending(lambda seconds: before.append((sending.states, len(writes(device)))) or True)
    before = []
    sending.send(client, order())
    assert before == [([(1, "sent")], 0)]


def test_a_database_that_cannot_be_written_lets_nothing_out(device, client):
    sending = Sending(lambda seconds: False)
    sending.send(client, order())
    assert sending.states == [(1, "sent"), (1, "failed")] and writes(device) == []
    assert "the database could not be written in time" in sending.updates[-1].reason


def fail_writes(device, fault):
    """Have a device fail at its next write alone."""
    answer = device._answer

    def answer_or_fail(master, request):
        if request[1] == protocol.WRITE:
            device.fail(fault, 1)
        return answer(master, request)

    device._answer = answer_or_fail


@pytest.mark.parametrize("fault", ["silent", "crc", "short", "noise", "late"])
def test_a_lost_answer_is_settled_by_reading_back_and_the_write_is_not_repeated(
    device, client, sending, fault
):
    device.late_s = 0.5
    fail_writes(device, fault)
    sending.send(client, order())
    assert sending.states == [(1, "sent"), (1, "done")]
    assert len(writes(device)) == 1 and device.settings[6] == 1


def test_a_device_that_refuses_has_failed(device, client, sending):
    fail_writes(device, "exception")
    sending.send(client, order())
    assert sending.states == [(1, "sent"), (1, "failed")] and sending.commands == []
    assert "the device refuses the request: exception 2" in sending.updates[-1].reason


def test_a_setting_that_does_not_change_has_failed(device, client, sending):
    class Stubborn(list):
        def __setitem__(self, place, value):
            """Keep what is set."""

    device.settings = Stubborn(device.settings)
    sending.send(client, order())
    assert sending.states == [(1, "sent"), (1, "failed")] and len(writes(device)) == 1
    assert sending.updates[-1].reason == "register 31006 has not changed: the device answered"


def test_a_device_that_is_gone_after_the_write_leaves_it_unknown(device, client, sending):
    fail_writes(device, "unplug")
    sending.send(client, order())
    assert sending.states == [(1, "sent"), (1, "unknown")]
    assert "went away" in sending.updates[-1].reason and "not sent again" in sending.updates[-1].reason
    assert sending.commands[0].confirmed is False


def test_a_device_that_does_not_answer_gets_nothing_and_the_order_expires(device, client, sending):
    device.fail("silent")
    sending.send(client, order(seconds=3.0))
    assert sending.states == [] and sending.queue.waiting
    device.fail(None)
    expired = until(lambda: sending.send(client) or sending.states, bool, 6)
    assert expired in ([(1, "sent"), (1, "done")], [(1, "expired")])
    late = Sending()
    late.send(client, order(seconds=-1.0))
    late.send(None, order(2, seconds=-1.0))
    assert late.states == [(1, "expired"), (2, "expired")]


def test_without_a_port_an_order_waits_and_expires_with_the_reason(sending, client):
    client.close()
    sending.send(client, order(seconds=0.2))
    assert sending.states == [] and len(sending.queue.waiting) == 1
    until(lambda: sending.send(None) or sending.states, bool, 5)
    assert sending.states == [(1, "expired")]
    assert sending.updates[0].reason == "expired, not sent: port: unplugged"


def test_an_order_that_becomes_too_old_behind_another_is_not_sent(device, client):
    sending = Sending(lambda seconds: time.sleep(0.3) or True)
    sending.send(client, order(1), order(2, "beeper.enable", seconds=0.2))
    assert sending.states == [(1, "sent"), (1, "done"), (2, "expired")]
    assert len(writes(device)) == 1


@pytest.mark.parametrize(
    ("command", "register", "words"),
    [
        ("experimental.must.reset", 32001, "nothing can be read back of a reset"),
        ("shutdown.return", 32002, "does nothing on mains"),
    ],
)
def test_reset_and_shutdown_are_written_once_and_the_answer_counts(
    device, client, sending, command, register, words
):
    settings = sending.send(client, order(command=command))
    assert sending.states == [(1, "sent"), (1, "done")] and words in sending.updates[-1].reason
    assert writes(device) == [protocol.format_write(register, [1])]
    assert device.controls == [(register, 1)] and settings is None
    assert sending.commands[0].command == command and sending.commands[0].confirmed is True


def test_the_frames_of_reset_and_shutdown_are_the_documented_ones():
    assert protocol.format_write(registers.RESET, [1]) == bytes.fromhex("0A107D01000102 0001B876")
    assert protocol.format_write(registers.SHUTDOWN, [1]) == bytes.fromhex("0A107D02000102 0001B845")


@pytest.mark.parametrize("command", ["experimental.must.reset", "shutdown.return"])
@pytest.mark.parametrize("fault", ["silent", "crc", "short", "late", "unplug", "unit"])
def test_a_reset_without_an_answer_is_unknown_and_not_repeated(device, client, sending, command, fault):
    device.late_s = 0.5
    fail_writes(device, fault)
    sending.send(client, order(command=command))
    assert sending.states == [(1, "sent"), (1, "unknown")]
    assert len(writes(device)) == 1 and "not sent again" in sending.updates[-1].reason
    assert sending.commands[0].confirmed is False


@pytest.mark.parametrize("command", ["experimental.must.reset", "shutdown.return"])
def test_a_reset_that_the_device_refuses_has_failed(device, client, sending, command):
    fail_writes(device, "exception")
    sending.send(client, order(command=command))
    assert sending.states == [(1, "sent"), (1, "failed")] and sending.commands == []
    assert "the device refuses the request: exception 2" in sending.updates[-1].reason


def test_a_device_that_is_off_gets_no_reset_that_it_would_do_later(device, client, sending):
    device.fail("silent")
    sending.send(client, order(command="experimental.must.reset", seconds=0.3))
    until(lambda: sending.send(client) or sending.states, bool, 5)
    assert sending.states == [(1, "expired")] and device.controls == []


@pytest.mark.parametrize("command", EP20_COMMANDS)
def test_its_commands_take_no_value(device, client, sending, command):
    sending.send(client, order(command=command, value="60"))
    assert sending.states == [(1, "failed")] and writes(device) == []
    assert sending.updates[0].reason == f"not sent: {command} of an EP20 takes no value"


@pytest.mark.parametrize(
    "command", ["test.battery.start", "test.battery.start.quick", "experimental.must.factory"]
)
def test_the_protocol_has_no_test_and_the_factory_settings_are_no_command(device, client, sending, command):
    sending.send(client, order(command=command))
    assert sending.states == [(1, "failed")] and writes(device) == [] and device.controls == []
    assert 32000 not in [register for register, _ in registers.COMMANDS.values()]


@pytest.mark.parametrize(
    "ordered",
    [order(command="load.off"), order(command=None, variable="ups.beeper.status", value="disabled")],
)
def test_what_it_does_not_have_is_not_sent(device, client, sending, ordered):
    sending.send(client, UpsOrder(**vars(ordered) | {"deadline": time.monotonic() + 30}))
    assert sending.states == [(1, "failed")] and writes(device) == []
    assert "its commands are beeper.enable, beeper.disable" in sending.updates[0].reason


class Reading:
    """A reader of the device that polls twice an hour."""

    def __init__(self, device):
        self.items, self.updates = [], []
        self.queue = OrderQueue(self.updates.append, lambda seconds: True)
        settings = MustSettings("garage", device.device, poll_s=1800, status_s=1800)
        self.reader = MustReader(settings, Health("garage", "must", "serial"), self.items.append, self.queue)

    def __enter__(self):
        self.reader.start()
        assert until(lambda: [item for item in self.items if isinstance(item, Poll)], bool)
        return self

    def __exit__(self, *_):
        self.reader.stop()
        self.reader.join(10)
        assert not self.reader.is_alive()


def test_the_reader_sends_between_two_polls_and_does_not_wait_for_the_next(device):
    with Reading(device) as reading:
        reading.queue.add(order())
        assert until(
            lambda: [update.state for update in reading.updates], lambda states: len(states) == 2
        ) == [
            "sent",
            "done",
        ]
        assert len([item for item in reading.items if isinstance(item, Poll)]) == 1
        assert [item.command for item in reading.items if isinstance(item, InstantCommand)] == [
            "beeper.disable"
        ]
    assert len(writes(device)) == 1


def test_an_unplugged_device_is_waited_for_and_gets_the_order_when_it_is_back(tmp_path):
    link = tmp_path / "ttyUSB0"
    with DemoEP20(lambda t: ON_LINE, link=link) as device, Reading(device) as reading:
        device.unplug()
        reading.queue.add(order())
        reading.queue.add(order(2, "beeper.enable", seconds=1.0))
        assert until(lambda: [update.state for update in reading.updates], bool, 15) == ["expired"]
        assert reading.updates[0].order.id == 2
        assert writes(device) == []
        device.plug()
        states = until(
            lambda: [update.state for update in reading.updates], lambda states: len(states) == 3, 20
        )
        assert states == ["expired", "sent", "done"]
    assert len(writes(device)) == 1
