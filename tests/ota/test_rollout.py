"""A rollout updates one node first, goes on when it is heard again, and stops when one fails."""

from ota.rollout import WAITING, Member, Plan, next_steps
from ota.settings import RolloutSettings

DEFAULTS = RolloutSettings()


def members(*states):
    """'confirmed+' is a confirmed node that was heard again."""
    return [
        Member(
            update=number,
            node=100 + number,
            state=state.rstrip("+"),
            reason="the CRC was wrong" if state == "failed" else "",
            finished_at=1000.0 if state.rstrip("+") in ("confirmed", "failed", "cancelled") else None,
            heard_at=1040.0 if state.endswith("+") else 1010.0,
        )
        for number, state in enumerate(states)
    ]


def test_one_node_first():
    assert next_steps(members(WAITING, WAITING, WAITING), RolloutSettings(at_once=3)).start == (0,)
    for state in ("requested", "rebooting", "offered", "transferring", "verifying"):
        plan = next_steps(members(state, WAITING, WAITING), RolloutSettings(at_once=3))
        assert plan.start == () and plan.waits_for == "node 100 to be confirmed"


def test_goes_on_when_confirmed_and_heard_again():
    plan = next_steps(members("confirmed", WAITING, WAITING), DEFAULTS)
    assert plan.start == () and plan.waits_for == "node 100 to be heard again"
    assert next_steps(members("confirmed+", WAITING, WAITING), DEFAULTS).start == (1,)
    assert next_steps(members("confirmed+", WAITING, WAITING, WAITING), RolloutSettings(at_once=2)).start == (
        1,
        2,
    )
    assert next_steps(
        members("confirmed+", "offered", WAITING, WAITING), RolloutSettings(at_once=2)
    ).start == (2,)
    assert next_steps(members("confirmed+", "confirmed", WAITING), DEFAULTS).start == ()


def test_stops_when_one_fails():
    plan = next_steps(members("confirmed+", "failed", WAITING), DEFAULTS)
    assert (
        plan.start == ()
        and plan.stop == "the rollout stopped: the update of node 101 failed (the CRC was wrong)"
    )
    assert next_steps(members("failed", WAITING), RolloutSettings(failures=2)).start == (1,)
    assert next_steps(members("failed", "failed", WAITING), RolloutSettings(failures=2)).stop


def test_a_cancelled_node_gives_its_turn_to_the_next():
    assert next_steps(members("cancelled", WAITING), DEFAULTS).start == (1,)
    assert next_steps(members("cancelled", "confirmed+", WAITING), DEFAULTS).start == (2,)


def test_the_end():
    for left in (members("confirmed", "failed", "cancelled"), [], members("confirmed+", "transferring")):
        assert next_steps(left, DEFAULTS) == Plan()


def test_more_than_one_node_may_prove_the_image():
    settings = RolloutSettings(first=2, at_once=5)
    assert next_steps(members(WAITING, WAITING, WAITING), settings).start == (0, 1)
    assert next_steps(members("confirmed+", WAITING, WAITING), settings).start == (1,)
    assert next_steps(members("confirmed+", "confirmed+", WAITING, WAITING), settings).start == (2, 3)
