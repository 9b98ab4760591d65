"""Places that many want: at most some for one key, and those that have not had one come first."""

import asyncio
import time

import pytest

from plugins.web.app.sql_workers.fair_share import MAX_WAITING, BusyError, FairShare


class Order:
    """Takes places by key and notes in which order they were given."""

    def __init__(self, places, per_key):
        self.share = FairShare(places, per_key)
        self.given = []
        self.tasks = []

    async def ask(self, *keys):
        for key in keys:
            self.tasks.append(asyncio.create_task(self._take(key)))
        await self.settle()

    async def _take(self, key):
        await self.share.take(key, time.monotonic() + 60)
        self.given.append(key)

    async def give_back(self, key):
        self.share.give_back(key)
        await self.settle()

    async def settle(self):
        for _ in range(5):
            await asyncio.sleep(0)

    def end(self):
        for task in self.tasks:
            task.cancel()


def test_a_key_that_asks_much_leaves_a_place_to_others():
    async def run():
        order = Order(2, 1)
        await order.ask("a", "a", "a", "b", "c")
        assert order.given == ["a", "b"]
        await order.give_back("b")
        assert order.given[2:] == ["c"]
        await order.give_back("c")
        assert order.given[3:] == []  # the second place is not for a
        await order.give_back("a")
        assert order.given[3:] == ["a"]
        order.end()

    asyncio.run(run())


def test_with_one_place_keys_take_turns():
    async def run():
        order = Order(1, 1)
        await order.ask("a", "a", "a", "b", "b")
        for _ in range(4):
            await order.give_back(order.given[-1])
        assert order.given == ["a", "b", "a", "b", "a"]

    asyncio.run(run())


def test_who_waits_too_long_or_is_cancelled_leaves_no_trace():
    async def run():
        share = FairShare(1, 1)
        await share.take("a", 0)  # a free place is given whatever the time
        with pytest.raises(BusyError):
            await share.take("b", time.monotonic() + 0.01)
        waiting = asyncio.create_task(share.take("b", time.monotonic() + 60))
        await asyncio.sleep(0)
        share.give_back("a")  # it is given to b, which ends before it knows
        waiting.cancel()
        await asyncio.wait([waiting])
        await share.take("c", 0)
        assert (share._held, share._waiting) == ({"c": 1}, [])

    asyncio.run(run())


def test_a_crowd_is_refused_at_once():
    async def run():
        share = FairShare(1, 1)
        tasks = [asyncio.create_task(share.take("a", time.monotonic() + 60)) for _ in range(MAX_WAITING + 1)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await share.take("b", time.monotonic() + 60)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    asyncio.run(run())
