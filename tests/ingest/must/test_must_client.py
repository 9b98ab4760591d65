"""The EP20's client against a device on a pseudo terminal: every fault, late answers, unplugging, closing."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ingest.demo.ups.ep20 import ON_BATTERY, ON_LINE, DemoEP20, model
from ingest.demo.ups.mains import Mains, MainsFailure
from ingest.must import errors
from ingest.must.client import MustClient, MustClientTiming


@pytest.fixture
def device():
    with DemoEP20(lambda t: ON_LINE) as ep20:
        yield ep20


@pytest.fixture
def client(device):
    with MustClient(device.device, timing=MustClientTiming(answer_s=1.5, late_s=2.0)) as client:
        yield client


NO_WAIT = MustClientTiming(
    answer_s=300, late_s=600, gap_s=300, quiet_s=300, noise_s=600
)  # whoever waits is too late


def failure(call) -> errors.MustError:
    with pytest.raises(errors.MustError) as caught:
        call()
    return caught.value


@pytest.mark.timeout(60)
def test_a_good_poll_is_one_read_and_waits_for_nothing(device):
    with MustClient(device.device, timing=NO_WAIT) as client:
        for _ in range(20):
            assert client.read_status()["input.voltage"] == "223.0"
            assert client.read_settings()[2] == 105
    assert device.requests[0] == bytes.fromhex("0A 03 75 30 00 1B 1E B9")
    assert len(device.requests) == 40


@pytest.mark.parametrize("fault", ["zeros", "crc", "short", "noise", "unit", "long"])
def test_one_bad_answer_is_asked_for_again_and_no_value_of_it_is_kept(device, client, fault):
    device.fail(fault, 1)
    assert client.read_status()["input.voltage"] == "223.0"
    assert client.attempts == 2


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("zeros", "zeros"),
        ("crc", "crc"),
        ("short", "short"),
        ("noise", "crc"),
        ("unit", "unit"),
        ("long", "crc"),
    ],
)
def test_a_fault_that_lasts_is_named(device, client, fault, outcome):
    device.fail(fault)
    error = failure(client.read_status)
    assert error.outcome == outcome
    assert "asked 3 times" in str(error)
    assert error.raw
    device.fail(None)
    assert client.read_status()["ups.status"] == "OL"


def test_silence_is_a_time_out_with_a_remedy(device):
    device.fail("silent")
    with MustClient(device.device, timing=MustClientTiming(answer_s=0.2, late_s=0.3, retries=0)) as client:
        error = failure(client.read_status)
    assert (error.outcome, error.raw) == ("timeout", b"")
    assert "serial-getty" in error.message


def test_one_request_in_five_unanswered_is_no_failure(device, client):
    device.fail("silent", 1)
    assert client.read_status()["ups.status"] == "OL"
    assert client.attempts == 2


@pytest.mark.timeout(60)
def test_an_exception_is_final_and_costs_no_retry(device):
    device.fail("exception")
    with MustClient(device.device, timing=NO_WAIT) as client:
        error = failure(client.read_status)
    assert (error.outcome, error.code, client.attempts, len(device.requests)) == ("exception", 2, 1, 1)


def test_a_split_answer_is_whole(device, client):
    device.fail("split")
    assert client.read_status()["ups.status"] == "OL"
    assert client.attempts == 1


def test_a_late_answer_is_never_taken_for_the_next(device):
    seen = iter([ON_LINE, ON_BATTERY, ON_BATTERY])
    device.source = lambda t: next(seen)
    with MustClient(device.device, timing=MustClientTiming(answer_s=0.5)) as client:
        device.fail("late", 1)
        assert client.read_status()["ups.status"] == "OB DISCHRG"
        assert client.attempts == 2


def test_an_answer_later_than_any_wait_does_not_become_a_setting(device):
    with MustClient(device.device, timing=MustClientTiming(answer_s=0.5, retries=0)) as client:
        device.late_s = 2.3
        device.fail("late", 1)
        assert failure(client.read_status).outcome == "timeout"
        client.timing = MustClientTiming(answer_s=0.5, retries=1)
        assert client.read_settings()[2] == 105
        assert client.attempts == 2


def test_units_that_are_not_asked_stay_silent(device):
    with MustClient(
        device.device, unit=5, timing=MustClientTiming(answer_s=0.2, late_s=0.3, retries=0)
    ) as client:
        assert failure(client.read_status).outcome == "timeout"


def test_the_port_belongs_to_one_program(device, client):
    error = failure(lambda: MustClient(device.device))
    assert error.outcome == "port"
    assert "another program" in error.message


def test_a_port_that_does_not_exist(tmp_path):
    error = failure(lambda: MustClient(str(tmp_path / "ttyUSB9")))
    assert error.outcome == "port"
    assert "does not exist" in error.message


def test_a_file_that_is_no_port(tmp_path):
    (tmp_path / "file").write_text("")
    assert failure(lambda: MustClient(str(tmp_path / "file"))).outcome == "port"


def test_unplugged_and_plugged_in_again(tmp_path):
    link = tmp_path / "ttyUSB0"
    with DemoEP20(lambda t: ON_LINE, link=link) as ep20:
        with MustClient(str(link), timing=MustClientTiming(answer_s=0.5)) as client:
            assert client.read_status()["ups.status"] == "OL"
            ep20.unplug()
            for _ in range(2):
                error = failure(client.read_status)
                assert error.outcome == "port"
                assert "went away" in error.message
        assert "does not exist" in failure(lambda: MustClient(str(link))).message
        ep20.plug()
        with MustClient(str(link), timing=MustClientTiming(answer_s=0.5)) as client:
            assert client.read_status()["ups.status"] == "OL"


@pytest.mark.timeout(60)
def test_unplugged_in_the_middle_of_a_question(device):
    device.fail("unplug")
    with MustClient(device.device, timing=NO_WAIT) as client:
        assert failure(client.read_status).outcome == "port"
        assert client.is_lost and not client.is_closed


@pytest.mark.timeout(60)
def test_close_from_another_thread_ends_a_waiting_read(device):
    device.fail("silent")
    client = MustClient(device.device, timing=NO_WAIT)
    threading.Timer(0.2, client.close).start()
    assert failure(client.read_status).outcome == "closed"
    assert failure(client.read_status).outcome == "closed"


def test_a_register_is_written_and_read_back(device, client):
    client.write_register(31006, 1)
    assert device.requests[-1] == bytes.fromhex("0A 10 79 1E 00 01 02 00 01 FF D9")
    assert client.read_settings()[6] == 1
    client.write_register(31006, 0)
    assert client.read_settings()[6] == 0


@pytest.mark.parametrize("fault", ["silent", "crc", "short"])
def test_a_write_is_never_repeated(device, client, fault):
    device.fail(fault, 1)
    failure(lambda: client.write_register(31006, 1))
    assert [request[1] for request in device.requests] == [16] and client.attempts == 1
    assert client.read_settings()[6] == 1


def test_a_block_the_device_does_not_have_is_an_exception(device, client):
    error = failure(lambda: client.read_settings(40))
    assert error.outcome == "exception"


def test_the_living_device_goes_to_battery_and_back():
    mains = Mains((MainsFailure(1000.0, 1600.0),), quiet=True)
    before, during, after = (dict(enumerate(model(t, mains), 30000)) for t in (990, 1590, 1700))
    assert (before[30002], during[30002], after[30002]) == (4, 3, 4)
    assert during[30005] == 0 and during[30015] > 0x8000
    assert before[30017] == 100 and during[30017] < 100
    assert after[30024] == 1 and after[30015] < 0x8000
    assert model(1590, mains) == model(1590, mains)


@pytest.mark.timeout(60)
def test_noise_that_never_ends_is_given_up():
    with DemoEP20(lambda t: ON_LINE) as ep20:
        stop = threading.Event()

        def babble():
            while not stop.wait(0.005):
                ep20.send(b"\x55" * 16)

        ep20.fail("silent")
        thread = threading.Thread(target=babble)
        thread.start()
        try:
            timing = MustClientTiming(answer_s=5, noise_s=0.5, quiet_s=30, retries=0)
            with MustClient(ep20.device, timing=timing) as client:
                assert failure(client.read_status).outcome == "crc"
        finally:
            stop.set()
            thread.join()


ASKING = """
import sys
from ingest.must.client import MustClient
with MustClient(sys.argv[1]) as client:
    print("opened", flush=True)
    sys.stdin.readline()
    print(client.read_status()["input.voltage"], client.attempts)
"""


def test_an_answer_that_came_while_we_did_not_run_is_read():
    """The process is stopped between its request and the answer, for longer than an answer may take."""
    program: subprocess.Popen[str]

    def stop_and_answer(t):
        os.kill(program.pid, signal.SIGSTOP)
        threading.Timer(2.5, os.kill, (program.pid, signal.SIGCONT)).start()
        return ON_LINE

    root, pipe = Path(__file__).resolve().parents[3], subprocess.PIPE
    with (
        DemoEP20(stop_and_answer) as device,
        subprocess.Popen(
            [sys.executable, "-c", ASKING, device.device], cwd=root, text=True, stdin=pipe, stdout=pipe
        ) as program,
    ):
        assert program.stdout.readline() == "opened\n"
        assert program.communicate("\n", timeout=30)[0] == "223.0 1\n"
