"""A plan in a house where nothing has happened."""

import pytest

from tests.outbound.plan.follower import Follower
from tests.outbound.plan.plan_house import PlanHouse, make_config


@pytest.fixture
def play(tmp_path):
    """A function: (plan, UPSes) -> a Follower in a house where nothing has happened."""

    def make(names=("rack",), machine=None, **plan):
        house = PlanHouse(tmp_path / "house.db", names, machine)
        plan = {"name": "rack", "ups": [f"{name}@closet" for name in names], **plan}
        follower = Follower(house, make_config(tmp_path, [plan]))
        follower.look()
        return follower

    return make
