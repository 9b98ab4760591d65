"""What a plan decides as an outage goes on, over a real database and a played clock."""

import os
import random

import pytest

from outbound.plan.model import StepState
from outbound.plan.read import read_lowest
from tests.outbound.plan.follower import RUN, Follower
from tests.outbound.plan.plan_house import PlanHouse, PlayedMachine, make_config

SEEDS = int(os.environ.get("PLAN_SEEDS", "5"))


STEPS = [
    {"name": "warn", "after_s": 30, "run": RUN},
    {"name": "lab", "after_s": 600, "charge": 50, "runtime_s": 300, "run": RUN},
]


@pytest.mark.parametrize(
    ("charge", "runtime", "due_at", "why"),
    [(90, 900, 600, "10 min on battery"), (50, 900, 21, "charge 50 %"), (90, 310, 30, "runtime 4 min 40 s")],
)
def test_a_step_is_due_by_what_comes_first_and_brings_those_before_it_forward(
    play, charge, runtime, due_at, why
):
    follower = play(on_battery=STEPS)
    follower.house.fail()
    for second in range(1, 602):
        if second in (10, 20):
            follower.house.sample(charge, runtime - second + 10)
        if second > 20 and second % 10 == 0 and charge == 90 and runtime == 900:
            follower.house.sample(charge, runtime)
        follower.go(1)
        if "lab" in follower.names():
            break
    assert follower.names() == ["warn", "lab"]  # in their order, whatever was due first
    assert second == due_at or abs(second - due_at) <= 10
    rows = dict(follower.house.rows("select step, due_by from plan_steps"))
    assert rows["lab"].startswith(why.split()[0])


def test_one_odd_value_after_the_switch_is_none_and_lost_contact_counts_down(play):
    follower = play(on_battery=[{"name": "lab", "charge": 40, "runtime_s": 300, "run": RUN}])
    house = follower.house
    house.sample(100, 1800, status="OL")
    house.fail()
    follower.go(5)
    house.sample(0, 60)  # as some UPSes say for a moment
    follower.go(5)
    house.sample(97, 1700)
    follower.go(5)
    house.sample(96, 1600)
    follower.go(100)
    assert follower.names() == []
    assert read_lowest(house.connection, ["rack@closet"], False, 0, 2e9) == (97, 1600 + 100)
    house.lose()
    follower.go(1150)
    assert follower.names() == []
    follower.go(100)
    assert follower.names() == ["lab"]  # 1600 s were left 1300 s ago


@pytest.mark.parametrize("runs", [True, False])
def test_a_battery_that_is_low_at_once_needs_no_second_sample(play, runs):
    follower = play(on_battery=[{"name": "lab", "charge": 40, "run": RUN}])
    house = follower.house
    house.fail()
    house.machine.pass_time(1)
    house.sample(9, 45, status="OB LB DISCHRG")
    follower.go(3 if runs else 0)
    assert follower.names() == (["lab"] if runs else [])
    house.return_()
    follower.go(60)
    assert house.states() == {"lab": "done" if runs else "missed"}


def test_the_clock_that_is_set_moves_nothing(play):
    follower = play(on_battery=[{"name": "lab", "after_s": 300, "runtime_s": 100, "run": RUN}])
    house = follower.house
    house.fail()
    for _ in range(2):
        follower.go(10)
        house.sample(90, 2000)
    house.machine.wall += 86_400  # NTP after a boot without a clock
    follower.go(100)
    house.machine.wall -= 2 * 86_400
    follower.go(170)
    assert follower.names() == []
    follower.go(15)
    assert follower.names() == ["lab"]


def test_flapping_mains_are_one_outage_and_time_on_battery_adds_up(play):
    follower = play(on_battery=[{"name": "lab", "after_s": 60, "run": RUN}], settle_s=30)
    house = follower.house
    for _ in range(5):
        house.fail()
        follower.go(15)
        house.return_()
        follower.go(10)
    assert follower.names() == ["lab"]
    follower.go(60)
    assert house.rows("select count(*), max(state), max(battery_s) from plan_runs") == [(1, "over", 75.0)]


def test_after_the_outage_steps_wait_for_the_charge_and_for_those_before_them(play):
    follower = play(
        on_battery=[{"name": "nas", "after_s": 20, "run": RUN}, {"name": "lab", "charge": 1, "run": RUN}],
        power_back=[
            {"name": "wake-nas", "charge": 80, "after_s": 60, "if_ran": ["nas"], "run": RUN},
            {"name": "wake-lab", "if_ran": ["lab"], "run": RUN},
            {"name": "tell", "run": RUN},
        ],
    )
    house = follower.house
    house.fail()
    follower.go(30)
    house.return_()
    house.sample(70, 900, status="OL CHRG")
    follower.go(300)
    assert follower.names() == ["nas"]
    house.sample(80, 900, status="OL CHRG")
    follower.go(3)
    assert follower.names() == ["nas", "wake-nas", "tell"]
    assert house.states() == {
        "nas": "done",
        "lab": "skipped",
        "wake-nas": "done",
        "wake-lab": "skipped",
        "tell": "done",
    }


def test_what_is_due_is_certain_unless_it_says_that_the_return_of_power_cancels_it(play):
    follower = play(
        on_battery=[
            {"name": "first", "after_s": 10, "run": RUN},
            {"name": "sure", "after_s": 10, "run": RUN},
            {"name": "safe", "after_s": 10, "cancel_on_return": True, "run": RUN},
        ]
    )
    house = follower.house
    house.fail()
    house.machine.pass_time(11)
    assert follower.look().begun.step.name == "first"
    follower.act()
    house.return_()
    house.machine.pass_time(5)
    follower.look()
    follower.end()
    assert follower.look().begun.step.name == "sure"
    assert follower.cancelled == []
    follower.act()
    follower.end()
    follower.go(40)
    assert follower.names() == ["first", "sure"]
    assert house.states()["safe"] == "cancelled"


def test_a_cancelled_step_begins_again_when_mains_fail_again_at_once(play):
    follower = play(on_battery=[{"name": "safe", "after_s": 10, "cancel_on_return": True, "run": RUN}])
    house = follower.house
    house.fail()
    house.machine.pass_time(11)
    follower.look()
    follower.act()
    house.return_()
    follower.look()
    assert follower.cancelled == ["safe"]
    follower.end(StepState.CANCELLED, "ended")
    house.machine.pass_time(5)
    house.fail()
    follower.go(2)
    assert follower.names() == ["safe", "safe"]
    assert house.rows("select attempt, state from plan_steps") == [(1, "cancelled"), (2, "done")]


def test_two_upses_any_and_all(play):
    both = ("rack", "desk")
    follower = play(both, when="all", on_battery=[{"name": "lab", "after_s": 10, "run": RUN}])
    house = follower.house
    house.fail("rack")
    follower.go(100)
    assert follower.names() == [] and house.rows("select count(*) from plan_runs") == [(0,)]
    house.fail("desk")
    follower.go(9)
    assert follower.names() == []
    follower.go(2)
    assert follower.names() == ["lab"]
    house.return_("rack")
    follower.go(60)
    assert house.rows("select state from plan_runs") == [("over",)]


def test_with_any_ups_the_worst_counts(play):
    follower = play(("rack", "desk"), on_battery=[{"name": "lab", "charge": 50, "run": RUN}])
    house = follower.house
    house.fail("rack")
    follower.go(100)
    house.fail("desk")
    for _ in range(2):
        follower.go(5)
        house.sample(90, 900, "rack")
        house.sample(45, 900, "desk")
    follower.go(2)
    assert follower.names() == ["lab"]
    house.return_("rack")
    follower.go(60)
    assert house.rows("select state from plan_runs") == [("battery",)]


def test_a_reboot_waits_until_a_ups_says_that_it_is_on_battery_still(play):
    follower = play(
        on_battery=[{"name": "nas", "after_s": 60, "run": RUN}, {"name": "lab", "after_s": 600, "run": RUN}],
        power_back=[{"name": "wake", "if_ran": ["nas"], "run": RUN}],
    )
    house = follower.house
    house.fail()
    follower.go(100)
    house.machine.reboot(7200)  # the event of before is open in the database
    follower.start()
    follower.go(300)
    assert follower.names() == ["nas"]
    house.return_()  # the first poll of ingest
    follower.go(60)
    assert follower.names() == ["nas", "wake"]
    assert house.states()["lab"] in ("skipped", "missed")


def test_a_reboot_in_an_outage_that_goes_on_resumes_it(play):
    follower = play(
        on_battery=[{"name": "nas", "after_s": 60, "run": RUN}, {"name": "lab", "after_s": 600, "run": RUN}]
    )
    house = follower.house
    house.fail()
    follower.go(100)
    house.machine.reboot(60)
    follower.start()
    follower.go(10)
    house.sample(60, 900)
    follower.go(400)
    assert follower.names() == ["nas"]
    follower.go(60)
    assert follower.names() == ["nas", "lab"]
    assert house.rows("select count(*) from plan_runs") == [(1,)]


def test_an_event_of_an_earlier_boot_adds_no_time_to_an_outage_of_another_ups(play):
    follower = play(("rack", "desk"), on_battery=[{"name": "lab", "after_s": 60, "run": RUN}])
    house = follower.house
    house.fail("desk")
    follower.go(10)
    house.machine.reboot(72_000)  # since then desk@closet does not answer
    follower.start()
    follower.go(100)
    house.fail("rack")
    follower.go(55)
    assert follower.names() == []
    follower.go(10)
    assert follower.effects == [(2, "lab")]


def test_a_clock_that_is_behind_after_a_boot_holds_up_no_step(play):
    follower = play(power_back=[{"name": "wake", "after_s": 120, "run": RUN}])
    house = follower.house
    house.fail()
    follower.go(600)
    house.return_()
    follower.go(1)
    house.machine.reboot(-86_400)
    follower.start()
    follower.go(100)
    assert follower.names() == []
    follower.go(30)
    assert follower.names() == ["wake"]


def test_a_step_that_was_written_too_late_to_be_begun_begins(play):
    follower = play(on_battery=[{"name": "lab", "after_s": 0, "run": RUN}])
    follower.house.fail()
    follower.look()  # the disk took so long that the process gave the attempt up
    follower.running = None
    follower.go(1)
    assert follower.names() == ["lab"] and follower.house.states() == {"lab": "done"}


def test_an_outage_while_the_plan_did_not_run_is_made_up_for_once(play):
    plan = {
        "on_battery": [{"name": "nas", "after_s": 60, "run": RUN}, {"name": "lab", "charge": 10, "run": RUN}],
        "power_back": [{"name": "tell", "run": RUN}],
    }
    follower = play(**plan)
    house = follower.house
    house.fail()
    house.machine.pass_time(300)
    house.sample(60, 900)
    house.return_()
    house.machine.pass_time(600)
    follower.start()
    follower.go(3)
    assert follower.names() == ["tell"]
    assert house.states() == {"nas": "missed", "lab": "skipped", "tell": "done"}
    follower.start()
    follower.go(3)
    assert follower.names() == ["tell"]


def test_outages_of_before_a_plan_are_none_of_it(play, tmp_path):
    follower = play(on_battery=[{"name": "nas", "after_s": 60, "run": RUN}])
    house = follower.house
    house.fail()
    house.return_()
    config = make_config(
        tmp_path, [{"name": "new", "ups": ["rack@closet"], "power_back": [{"name": "tell", "run": RUN}]}]
    )
    other = Follower(house, config)
    other.go(3)
    assert other.names() == []


def test_what_an_outage_left_undone_is_left_to_the_next_one(play):
    follower = play(
        on_battery=[{"name": "nas", "after_s": 20, "run": RUN}],
        power_back=[{"name": "wake", "charge": 90, "if_ran": ["nas"], "run": RUN}],
    )
    house = follower.house
    house.fail()
    follower.go(30)
    house.return_()
    house.sample(50, 900, status="OL CHRG")
    follower.go(300)
    house.fail()  # too short for the step
    follower.go(10)
    house.return_()
    house.sample(95, 900, status="OL CHRG")
    follower.go(60)
    assert follower.effects == [(1, "nas"), (2, "wake")]
    assert house.rows("select state, reason from plan_runs") == [("over", "mains failed again"), ("over", "")]


def test_what_was_due_and_has_not_begun_is_done_in_the_next_outage_at_once(play):
    follower = play(on_battery=[{"name": name, "after_s": 20, "run": RUN} for name in ("nas", "lab")])
    house = follower.house
    house.fail()
    house.machine.pass_time(25)
    assert follower.look().begun.step.name == "nas"  # and lab waits for its end
    follower.act()
    house.return_()
    house.machine.pass_time(300)
    house.fail()
    follower.start()  # it was killed, and away for all of that
    follower.go(3)
    assert follower.effects == [(1, "nas"), (2, "nas"), (2, "lab")]  # in their order
    assert house.rows("select run, step, state, due_by from plan_steps where step = 'lab'") == [
        (1, "lab", "cancelled", "20 s on battery"),
        (2, "lab", "done", "left by run 1"),
    ]
    assert house.rows("select due_by from plan_steps where step = 'nas' and run = 2") == [("before lab",)]


@pytest.mark.parametrize("fails_again", [False, True])
def test_what_was_due_is_not_done_hours_after_the_outage(play, fails_again):
    follower = play(
        on_battery=[{"name": name, "after_s": 20, "run": RUN} for name in ("nas", "lab")],
        power_back=[{"name": "wake", "if_ran": ["nas"], "run": RUN}],
    )
    house = follower.house
    house.fail()
    house.machine.pass_time(25)
    follower.look()
    follower.act()
    house.machine.reboot(100)  # the machine was shut down, and comes back hours after mains
    house.return_()
    house.machine.pass_time(8 * 3600)
    if fails_again:
        house.fail()
    follower.start()
    follower.go(10)
    assert follower.effects == ([(1, "nas")] if fails_again else [(1, "nas"), (1, "wake")])
    assert house.rows("select step, state from plan_steps where run = 1 order by number")[:2] == [
        ("nas", "unknown"),
        ("lab", "missed"),
    ]
    assert house.rows("select owed from plan_steps where run = 2") == (
        [(0,), (0,), (1,)] if fails_again else []
    )


def test_a_self_test_that_was_taken_for_an_outage_ends_as_one(play):
    follower = play(
        on_battery=[{"name": "nas", "after_s": 10, "run": RUN}, {"name": "lab", "after_s": 60, "run": RUN}],
        power_back=[{"name": "wake", "if_ran": ["nas"], "run": RUN}],
    )
    house = follower.house
    event = house.fail()
    follower.go(20)
    house.connection.execute("update events set event = 'TEST' where id = ?", (event,))
    follower.go(100)
    assert follower.names() == ["nas", "wake"]
    event = house.fail()
    follower.go(5)
    house.connection.execute("delete from events where id = ?", (event,))
    follower.go(60)
    assert house.rows("select count(*) from plan_runs where state <> 'over'") == [(0,)]


def test_the_charge_that_never_comes_is_given_up(play):
    follower = play(power_back=[{"name": "wake", "charge": 50, "run": RUN}], within_s=600)
    house = follower.house
    house.fail()
    follower.go(3)
    house.return_()
    follower.go(700, every=10)
    assert house.states() == {"wake": "expired"} and follower.names() == []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_nothing_is_repeated_nothing_forgotten_and_the_order_kept(tmp_path, seed):
    """Random outages, charges, kills at any moment, reboots: what must hold of every run."""
    rnd = random.Random(seed)
    house = PlanHouse(tmp_path / "house.db", ("rack",), PlayedMachine())
    on_battery = [
        {
            "name": f"b{number}",
            "after_s": rnd.choice((0, 5, 20, 60)),
            "charge": rnd.choice((80, 50, 20)),
            "cancel_on_return": rnd.random() < 0.3,
            "repeat": rnd.random() < 0.3,
            "run": RUN,
        }
        for number in range(4)
    ]
    power_back = [
        {"name": "r0", "charge": 60, "if_ran": ["b1"], "run": RUN},
        {"name": "r1", "after_s": 30, "run": RUN},
    ]
    plan = {"name": "rack", "ups": ["rack@closet"], "on_battery": on_battery, "power_back": power_back}
    follower = Follower(house, make_config(tmp_path, [plan]))
    follower.look()
    charge, fails = 100.0, False
    for _ in range(400):
        house.machine.pass_time(rnd.choice((1, 2, 5)))
        charge = max(0.0, charge - 1) if fails else min(100.0, charge + 1)
        if rnd.random() < 0.3:
            house.sample(charge, None, status="OB" if fails else "OL")
        if rnd.random() < (0.06 if fails else 0.03):
            fails = not fails
            (house.fail if fails else house.return_)()
        kill = rnd.random()
        if kill < 0.05:
            follower.start()
        elif kill < 0.06:
            house.machine.reboot(rnd.choice((10, 300)))
            follower.start()
        if follower.running is None:
            if follower.look().begun and rnd.random() < 0.9:  # else killed before it did anything
                follower.act()
                if rnd.random() < 0.5:
                    follower.end()
            elif follower.running is not None:
                follower.start()
        else:
            cancel = follower.look().cancel
            if cancel:
                follower.end(StepState.CANCELLED, "ended")
            elif rnd.random() < 0.5:
                follower.end()
    if fails:
        house.return_()
    house.sample(100, None, status="OL")
    if follower.running is not None:
        follower.end()
    follower.go(400, every=5)
    check_runs(house, follower, {step["name"]: step for step in on_battery + power_back})


def check_runs(house, follower, steps):
    assert house.rows("select count(*) from plan_runs where state <> 'over'") == [(0,)]
    rows = house.rows("select run, step, attempt, state, began_at, phase from plan_steps order by id")
    assert {state for *_, state, _, _ in rows} <= {str(one) for one in StepState} - {
        "waiting",
        "due",
        "running",
    }
    assert len({(run, step, attempt) for run, step, attempt, *_ in rows}) == len(rows)
    for run, step, attempt, *_ in rows:
        before = [row[3] for row in rows if row[:2] == (run, step) and row[2] < attempt]
        # Another attempt follows one that mains have cancelled, or one that may be repeated.
        assert all(state == "cancelled" or steps[step].get("repeat") for state in before), (run, step)
    attempts = {key: sum(row[:2] == key and row[4] is not None for row in rows) for key in follower.effects}
    for key, count in attempts.items():
        assert follower.effects.count(key) <= count
    names = list(steps)
    for run in {row[0] for row in rows}:
        first = {}
        for _, step, _, _, began_at, _ in [row for row in rows if row[0] == run and row[4]]:
            first.setdefault(step, began_at)
        order = sorted(first, key=lambda step: (first[step], names.index(step)))
        assert order == [step for step in names if step in first]
    # What was done on battery is undone in this run or a later one.
    begun = [run for run, step, _, _, began_at, _ in rows if step == "b1" and began_at]
    undone = [row[0] for row in rows if row[1] == "r0" and (row[4] or row[3] == "expired")]
    assert not begun or (undone and max(undone) >= max(begun))
