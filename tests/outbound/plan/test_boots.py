"""The time on battery where the machine was off in an outage, with clocks that are right or wrong."""

import pytest

from ingest.clock.belief import NTP
from ingest.clock.reading import ClockReading
from ingest.clock.stretches import begin_stretch, end_stretches, newest_ids
from tests.outbound.plan.follower import RUN

VAGUE = "at least 10 min on battery: how long the machine was off meanwhile is not known"


@pytest.fixture
def outage(play):
    """An outage of 300 s by a clock that NTP sets; then the machine is off for a minute."""
    follower = play(on_battery=[{"name": "lab", "after_s": 600, "run": RUN}])
    house = follower.house
    house.note_clock(NTP)
    house.fail()
    follower.go(240, every=10)
    house.note_clock(NTP)
    follower.go(60, every=10)
    house.sample(80, None)  # the last sign of this boot
    return follower


def restart(follower, by_clock_s, confirmed_by):
    """The machine was off for a minute, and starts with a clock that has moved by `by_clock_s` meanwhile."""
    follower.house.machine.reboot(by_clock_s)
    follower.house.note_clock(confirmed_by)
    follower.start()
    follower.look()
    follower.house.sample(75, None)


def due(follower):
    """CLOCK_BOOTTIME when the step begins, and by what; None where it does not within 1000 s."""
    for _ in range(1000):
        follower.go(1)
        if follower.effects:
            return follower.house.machine.boottime, follower.house.rows("select due_by from plan_steps")[0][0]
    return None


def test_a_clock_that_is_right_counts_the_time_off(outage):
    restart(outage, 60, NTP)
    assert due(outage) == (pytest.approx(260, abs=3), "10 min on battery")


def test_a_clock_that_goes_on_where_it_was_does_not_and_the_step_says_so(outage, caplog):
    restart(outage, 1, "")
    assert due(outage) == (pytest.approx(300, abs=3), VAGUE)
    assert "run 1 goes on after a boot: at least 5 min 21 s on battery: how long" in caplog.text


@pytest.mark.parametrize("behind_s", [-200, -5000, -86_400])
def test_a_clock_that_is_behind_holds_up_no_step(outage, behind_s):
    restart(outage, behind_s, None)
    assert due(outage) == (pytest.approx(300, abs=3), VAGUE)


def test_a_clock_that_is_not_believed_brings_none_forward(outage):
    restart(outage, 40 * 86_400, None)
    assert due(outage) == (pytest.approx(300, abs=3), VAGUE)


def test_a_clock_that_is_set_later_corrects_it(outage):
    restart(outage, -5000, None)
    outage.go(100, every=10)
    house = outage.house
    house.machine.wall += 5060
    with house.transaction():
        now, ids = house.now(), newest_ids(house.connection)
        end_stretches(house.connection, ids)
        begin_stretch(house.connection, ClockReading(now.boot_id, now.boottime, now.wall), NTP, ids)
    assert due(outage) == (pytest.approx(260, abs=3), "10 min on battery")


def test_boots_in_between_count_and_what_is_stored_is_not_less_than_what_was_seen(outage):
    restart(outage, -5000, None)
    house = outage.house
    outage.go(100, every=10)
    house.sample(70, None)
    restart(outage, -100, None)
    outage.go(50, every=10)
    assert due(outage) == (pytest.approx(180, abs=3), VAGUE)
    house.connection.execute(
        "update events set ended_at = started_at, figures = '{\"seconds\": 0}' where event = 'ONBATT'"
    )
    outage.go(60, every=5)
    assert house.rows("select state, battery_s >= 600 from plan_runs") == [("over", 1)]
