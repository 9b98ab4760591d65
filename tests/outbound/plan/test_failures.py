"""PLAN_STEP_FAILED: an event for each step that was not done, or of which nobody knows."""

import json

from ingest.db.connection import transaction
from outbound.plan.model import StepOutcome, StepState
from outbound.plan.store import end_step
from tests.outbound.plan.follower import RUN, Follower
from tests.outbound.plan.plan_house import make_config
from voltkeeper.check.plan import plan_findings

FAILED = "select detail from events where event = 'PLAN_STEP_FAILED' order by id"
ATTENTION = "select severity, text, href from attention where subject = 'Plan rack'"


def details(house):
    return [detail for (detail,) in house.rows(FAILED)]


def begin(follower):
    """The step that begins now."""
    follower.house.machine.pass_time(1)
    found = follower.look()
    assert found.begun is not None
    return found.begun.step.name


def test_each_step_that_fails_is_one_event_and_those_that_do_not_are_none(play):
    names = ("good", "bad", "cut", "safe", "again", "never")
    follower = play(
        on_battery=[
            {
                "name": name,
                "after_s": 600 if name == "never" else 0,
                "run": RUN,
                "cancel_on_return": name == "safe",
                "repeat": name == "again",
            }
            for name in names
        ],
        power_back=[
            {"name": "other", "if_ran": ["never"], "run": RUN},
            {"name": "wake", "charge": 90, "run": RUN},
        ],
        within_s=600,
    )
    house = follower.house
    house.fail()
    assert begin(follower) == "good"
    follower.end()
    assert begin(follower) == "bad"
    with transaction(house.connection):
        outcome = StepOutcome(StepState.FAILED, "exit code 3: password 1234", "exit code 3")
        end_step(house.connection, 1, "bad", outcome, house.machine.wall)
    follower.running = None
    assert begin(follower) == "cut"
    follower.start()  # killed in it
    assert begin(follower) == "safe"
    house.return_()
    follower.end(StepState.CANCELLED, "ended")
    assert begin(follower) == "again"
    follower.start()
    assert begin(follower) == "again"
    follower.end()
    assert details(house) == [
        "bad: exit code 3",
        "cut: the plan was interrupted while it ran; whether it was done is not known, it is not repeated",
    ]
    follower.go(700, every=10)
    assert house.states()["never"] == "skipped" and house.states()["other"] == "skipped"
    assert details(house)[2:] == ["wake: not due within 10 min: a charge of 90 %, which is not known now"]
    rows = house.rows(
        """select kind, name, words, severity, href, started_at = ended_at, figures from all_events
        where event = 'PLAN_STEP_FAILED' order by id limit 1"""
    )
    assert rows[0][:6] == ("machine", "Plan rack", "step failed", "Warning", "/-/plan", 1)
    assert json.loads(rows[0][6]) == {
        "name": "Plan rack",
        "plan": "rack",
        "step": "bad",
        "run": 1,
        "attempt": 1,
        "phase": "battery",
        "state": "failed",
        "kind": "run",
    }
    house.connection.execute(
        "update events set started_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 hour')"
    )
    assert house.rows(ATTENTION) == [("Warning", "3 steps failed, the first: bad: exit code 3", "/-/plan")]
    house.connection.execute(
        "insert into events (event, started_at, figures, detail) select event, started_at, "
        "json_set(figures, '$.run', 2), 'bad: HTTP 503' from events where event = 'PLAN_STEP_FAILED' limit 1"
    )
    assert house.rows(ATTENTION) == [("Warning", "bad: HTTP 503", "/-/plan")]  # the last run counts
    house.connection.execute("update events set started_at = '2026-01-01T00:00:00.000Z'")
    assert house.rows(ATTENTION) == []


def test_what_was_missed_and_an_order_that_is_refused_are_events(play, tmp_path):
    command = {"ups": "rack@closet", "name": "beeper.mute"}
    follower = play(on_battery=[{"name": "mute", "after_s": 0, "command": command}])
    house = follower.house
    house.connection.execute("update ups set configured = 0")
    house.fail()
    follower.go(2)
    assert [one.split(":")[:2] for one in details(house)] == [["mute", " refused"]]
    house.return_()
    follower.go(60)
    plan = {
        "name": "rack",
        "ups": ["rack@closet"],
        "on_battery": [{"name": "nas", "after_s": 60, "run": RUN}],
    }
    house.fail()
    house.machine.pass_time(100)  # the plan does not run
    house.return_()
    house.machine.pass_time(60)
    late = Follower(house, make_config(tmp_path, [plan]))
    late.go(2)
    assert details(house)[1:] == ["nas: 1 min on battery: the plan did not act then"]


def test_what_an_order_would_fail_for_is_known_before(play, tmp_path):
    follower = play(on_battery=[{"name": "one", "after_s": 0, "run": RUN}])
    house = follower.house
    nodes = {"plug": "main/4/1", "gone": "main/4/9", "report": "main/4/2", "cold": "main/5/1"}
    steps = [
        {"name": name, "after_s": 0, "node": {"node": node, "type": "V_STATUS", "value": "1"}}
        for name, node in nodes.items()
    ]
    mute = {"name": "mute", "after_s": 0, "command": {"ups": "rack@closet", "name": "beeper.mute"}}
    plan = {"name": "rack", "ups": ["rack@closet"], "on_battery": [*steps, mute]}
    config = make_config(tmp_path, [plan])

    def problems():
        return {what: finding.message for what, finding in plan_findings(config) if not finding.ok}

    assert problems() == {}  # nothing was heard yet
    house.connection.executescript(
        """insert into gateways (id, name, address, configured) values (0, 'main', 'x', 1);
        insert into nodes (id, gateway, node_id, name, usual_interval_s) values (4, 0, 4, 'Plug', 900),
          (5, 0, 5, 'Fan', 900);
        update nodes set smart_sleep_ms = 500, windows = 3 where id = 5;
        insert into sensors (id, node, child_id, type, type_name, name) values
          (1025, 4, 1, 3, 'S_BINARY', 'Plug'), (1026, 4, 2, 6, 'S_TEMP', 'Air'),
          (1281, 5, 1, 3, 'S_BINARY', 'Fan');
        insert into ups_controls (ups, kind, name, checked_at)
          select id, 'command', 'beeper.toggle', '' from ups"""
    )
    assert problems() == {
        "plan rack, gone": "there is no sensor main/4/9: /nodes on the site has those that were presented",
        "plan rack, report": "V_STATUS of Node 4 · S_TEMP 2 (main/4/2) is reported by the node and not set",
        "plan rack, cold": (
            "Node 5 · S_BINARY 1 (main/5/1) sleeps, and listens every 15 min: "
            "timeout_s, 60 s, is too short for that"
        ),
        "plan rack, mute": "Rack has no command beeper.mute: did you mean 'beeper.toggle'?",
    }
