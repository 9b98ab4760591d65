"""Time that a process did not run is no silence of others."""

import socket
import threading
import time
from contextlib import closing

import pytest

from ingest.nut.transport import LinePipe
from ingest.process.running_time import LATE_S, SETTLE_S, RunningDeadline, RunningTime


class Clock:
    """A clock that tests turn."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def run(running, clock, seconds):
    """The loop runs for a while."""
    for _ in range(int(seconds * 2)):
        clock.now += 0.5
        running.tick()


def test_without_a_tick_every_second_counts(clock):
    running = RunningTime(clock)
    clock.now += 500
    assert (running.now(), running.missed_s, running.may_judge) == (1500, 0, True)


@pytest.mark.parametrize("stall_s", [3, 22, 600, 3 * 3600])
def test_a_stall_does_not_count_from_its_first_look_on(clock, stall_s):
    running = RunningTime(clock)
    running.tick()
    run(running, clock, 10)
    clock.now += stall_s  # a timer that is due meanwhile looks before the tick that notices
    assert not running.may_judge and running.now() == 1010 + LATE_S
    assert running.tick() == stall_s - LATE_S
    assert not running.may_judge
    run(running, clock, SETTLE_S)
    assert running.may_judge and running.tick() == 0
    assert running.now() == 1010 + LATE_S + SETTLE_S


@pytest.mark.parametrize("pause_s", [0.1, 0.6, 1.9])
def test_a_loop_that_is_merely_busy_is_not_stalled(clock, pause_s):
    running = RunningTime(clock)
    running.tick()
    clock.now += pause_s
    assert running.may_judge and running.tick() == 0 and running.now() == 1000 + pause_s


def test_time_never_goes_back(clock):
    running, seen = RunningTime(clock), []
    running.tick()
    for step in (0.5, 1.9, 2.5, 30, 0.1, 4, 0.5):
        for _ in range(4):
            clock.now += step / 4
            seen.append(running.now())
        running.tick()
        seen.append(running.now())
    assert seen == sorted(seen)


def test_a_deadline_gives_a_last_look_and_no_time_to_a_stall(clock):
    deadline = RunningDeadline(5, clock)
    waited = 0.0
    while (wait_s := deadline.next_s()) is not None:
        clock.now += wait_s
        waited += wait_s
    assert waited == pytest.approx(5, abs=0.01)
    deadline = RunningDeadline(5, clock)
    for stall_s in (22, 3600, 0):
        assert deadline.next_s() == 1
        clock.now += 1 + stall_s
    assert deadline.next_s() == 1


def test_a_deadline_that_passed_unnoticed_still_looks_once(clock):
    deadline = RunningDeadline(1, clock)
    deadline.next_s()
    clock.now += 2.9  # held up, but by less than counts as a stall
    assert deadline.next_s() and deadline.next_s() is None


def test_a_line_that_waits_is_read_after_its_time(clock):
    """The deadline is over before the first look, as after a stall of the process."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        pipe = LinePipe(*server.getsockname(), 5, lambda sock: None)
        peer, _ = server.accept()
        with closing(peer), closing(pipe):
            deadline = RunningDeadline(0.0)
            peer.sendall(b"OK\n")
            time.sleep(0.05)
            assert pipe.read_line(deadline) == b"OK\n"


def test_a_slow_server_has_no_more_time_for_sending_often():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        pipe = LinePipe(*server.getsockname(), 5, lambda sock: None)
        peer, _ = server.accept()
        ended = threading.Event()

        def drip():
            while not ended.wait(0.02):
                peer.sendall(b"x")

        thread = threading.Thread(target=drip)
        with closing(peer), closing(pipe):
            thread.start()
            began = time.monotonic()
            with pytest.raises(Exception, match="bytes of an answer"):
                pipe.read_line(RunningDeadline(0.5))
            assert time.monotonic() - began < 3
            ended.set()
            thread.join()
