"""A dry run tells what the plan has really done, and the outlook by the predicted runtime."""

import random

import pytest

from ingest.config.plan import BatteryStep, OutagePlan
from outbound.plan.outlook import RuntimePrediction, expect, predict
from outbound.plan.recorded import members_of, play_outages
from tests.outbound.plan.follower import RUN, Follower
from tests.outbound.plan.plan_house import PlanHouse, make_config

PLAN = {
    "name": "rack",
    "ups": ["rack@closet"],
    "on_battery": [
        {"name": "warn", "after_s": 45, "run": RUN},
        {"name": "lab", "after_s": 400, "charge": 70, "run": RUN},
        {"name": "nas", "runtime_s": 500, "charge": 20, "run": RUN},
    ],
    "power_back": [
        {"name": "wake", "charge": 80, "if_ran": ["lab"], "run": RUN},
        {"name": "tell", "after_s": 120, "run": RUN},
    ],
}


@pytest.mark.parametrize("seed", [1])
def test_a_dry_run_tells_what_the_plan_has_done(tmp_path, seed):
    rnd = random.Random(seed)
    house = PlanHouse(tmp_path / "house.db")
    config = make_config(tmp_path, [PLAN])
    follower = Follower(house, config)
    follower.look()
    charge, began = 100.0, {}
    for length in rnd.sample((20, 70, 300, 500, 900), 2):
        house.fail()
        for second in range(length):
            if second % 10 == 5:
                charge = max(charge - 1, 0)
                house.sample(charge, charge * 12)
            follower.go(1)
        house.return_()
        for second in range(900):
            if second % 30 == 5:
                charge = min(charge + 1, 100)
                house.sample(charge, charge * 12, status="OL CHRG")
            follower.go(1)
    now = house.now()
    # An hour later the clock was set: the samples of then are where they were.
    played = play_outages(house.connection, config.plan[0], now)
    assert [min(one.ids) for one in played] == [1, 2]
    for run, one in zip((1, 2), played, strict=True):
        found = {row.step.name: row.at_s for row in one.steps if row.at_s is not None}
        began = {
            step: at
            for step, at in house.rows(
                """select step, (julianday(began_at) - julianday(r.started_at)) * 86400 from plan_steps s
                join plan_runs r on r.id = s.run where run = ? and began_at is not null""",
                run,
            )
        }
        assert set(found) == set(began), (run, one.steps, house.rows("select * from plan_steps"))
        assert all(abs(found[step] - began[step]) <= 1.5 for step in found), (found, began)
        assert one.has_samples
    assert play_outages(house.connection, config.plan[0], now, only=members_of(house.connection, 2)) == [
        played[1]
    ]
    assert members_of(house.connection, 99) == frozenset()
    house.connection.execute("delete from ups_samples")
    (first, _) = play_outages(house.connection, config.plan[0], now)
    assert not first.has_samples
    whys = {one.step.name: one.why for one in first.steps if one.at_s is None}
    assert whys["nas"] == "not known without samples" != whys.get("warn")


def test_the_outlook_is_in_the_order_of_the_plan():
    steps = (
        BatteryStep("warn", run=("x",), after_s=60),
        BatteryStep("lab", run=("x",), charge=50),
        BatteryStep("nas", run=("x",), after_s=600),
        BatteryStep("last", run=("x",), runtime_s=300),
    )
    plan = OutagePlan("p", ("a", "b"), on_battery=steps)
    now = RuntimePrediction(1800.0, 100.0)
    assert [(one.name, one.at_s, one.by) for one in expect(plan, now)] == [
        ("warn", 60.0, "time"),
        ("lab", 600.0, "before nas"),
        ("nas", 600.0, "time"),
        ("last", 1500.0, "runtime"),
    ]
    assert [one.at_s for one in expect(plan, RuntimePrediction(None, None))] == [60.0, 600.0, 600.0, None]
    assert [one.at_s for one in expect(plan, now, battery_s=700)] == [0.0, 0.0, 0.0, 1500.0]
    both = {"a": RuntimePrediction(600.0, 80.0), "b": RuntimePrediction(1800.0, None)}
    assert predict(both, ("a", "b"), needs_all=False) == (600.0, 80.0)
    assert predict(both, ("a", "b"), needs_all=True) == (1800.0, 80.0)
