"""Two nodes of one sketch are told by their heartbeats, and one node never counts as two."""

import random

import pytest

from ingest.mysensors.node_starts import NodeStarts

HOUR, DAY = 3600.0, 86_400.0


def reasons(*heartbeats):
    starts = NodeStarts()
    found = [starts.heard(3, str(round(millis)), at) for at, millis in sorted(heartbeats)]
    return [reason for reason in found if reason]


def beats(started, every, until, rate=1.0, first=None):
    """(when, millis) of a node whose clock runs at this rate."""
    at = started + 1 if first is None else first
    found = []
    while at < until:
        found.append((at, (at - started) * 1000 * rate % 2**32))
        at += every
    return found


@pytest.mark.parametrize("apart", [700, HOUR, 3 * DAY])
def test_two_starts_in_turn_are_two_nodes(apart):
    both = beats(0, 600, 4 * DAY) + beats(apart, 610, 4 * DAY)
    assert set(reasons(*both)) == {"two nodes use id 3: their heartbeats count from different starts"}


@pytest.mark.parametrize(
    "heartbeats",
    [
        beats(0, 60, DAY),
        beats(0, 600, 60 * DAY),  # the counter overflows
        beats(0, 3600, 10 * DAY, rate=1.01),  # a clock that is fast
        beats(0, 3600, 10 * DAY, rate=0.99),
        [beat for start in range(0, 86_400, 1000) for beat in beats(start, 100, start + 900)],  # restarts
        [(at, at * 0.1) for at in range(0, 864_000, 600)],  # sleep stops the counter
        [(at + random.Random(at).uniform(0, 200), at * 1000) for at in range(0, 864_000, 600)],  # delays
        [(at, random.Random(at).randint(50, 60)) for at in range(0, 86_400, 60)],  # another payload
        [(at + copy, at * 1000) for at in range(0, 86_400, 300) for copy in (0, 0.2, 4)],  # radio repeats
        [(at, at * 100_000) for at in range(0, 86_400, 30)],  # simulated, a hundred times as fast
        [(at, (at % 5000) * 2_000) for at in range(0, 86_400, 60)],  # twice as fast, with restarts
        [(600 * (n // 40 + 1), n * 15_000) for n in range(4000)],  # each read brings ten minutes at once
    ],
)
def test_one_node_is_never_two(heartbeats):
    assert reasons(*heartbeats) == []
