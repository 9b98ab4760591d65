"""Weeks of history: in order, the same each time, plausible, and the live network carries on."""

import itertools
import time
from collections import Counter, defaultdict

import pytest

from ingest.demo.radio.faulty_sketches import Attic
from ingest.demo.radio.history import history
from ingest.demo.radio.network import DemoNetwork
from ingest.demo.radio.nodes import DEMO_NODES
from ingest.demo.radio.world import EPOCH, World
from ingest.mysensors.protocol import LineError, parse_line

UNTIL = 1_763_692_800.0
DAY = 86400


@pytest.fixture(scope="module")
def weeks():
    return list(history(28, UNTIL))


def numbers(rows, prefix):
    return [(at, float(line[len(prefix) :])) for at, line in rows if line.startswith(prefix)]


def test_size_and_speed():
    started = time.process_time()
    count = sum(1 for _ in history(28, UNTIL))
    assert 80_000 < count < 200_000
    assert time.process_time() - started < 6  # 2 s on a free core


def test_in_order_and_inside_its_time(weeks):
    times = [at for at, _ in weeks]
    assert times == sorted(times)
    assert times[0] == UNTIL - 28 * DAY and UNTIL - 60 < times[-1] < UNTIL


def test_the_same_each_time_and_another_with_another_seed():
    assert list(history(1, UNTIL)) == list(history(1, UNTIL))
    assert list(history(1, UNTIL)) != list(history(1, UNTIL, seed=1))


def test_every_line_but_those_of_the_attic_can_be_read():
    sane = [kind for kind in DEMO_NODES if kind is not Attic]
    for _, line in history(3, UNTIL, nodes=sane):
        header, payload = parse_line(line.decode())
        assert len(payload.encode()) <= 25 and header.echo == 0


def test_the_attic_sends_nonsense(weeks):
    unreadable = Counter()
    for _, line in weeks:
        try:
            parse_line(line.decode())
        except (LineError, UnicodeDecodeError) as error:
            unreadable[type(error)] += 1
    assert all(0 < unreadable[kind] < 100 for kind in (LineError, UnicodeDecodeError))
    attic = {line for _, line in weeks if line.startswith(b"17;")}
    assert {b"17;1;1;0;0;-127.0", b"17;255;3;0;0;255", b"17;255;3;0;0;-3", b"17;255;3;0;77;?"} <= attic
    assert any(line.startswith(b"17;1;1;0;200;") for line in attic)


def test_how_often_each_node_sends(weeks):
    count = Counter(line.split(b";")[0] for _, line in weeks)
    for kind in DEMO_NODES:
        assert count[b"%d" % kind.node_id] > 100, kind.sketch
    last = {line.split(b";")[0]: at for at, line in weeks}
    assert UNTIL - 2 * DAY - 1200 < last[b"12"] < UNTIL - 2 * DAY
    assert all(
        at > UNTIL - DAY
        for sender, at in last.items()
        if sender in (b"2", b"3", b"4", b"5", b"6", b"7", b"11")
    )
    watts = [at for at, _ in numbers(weeks, b"5;1;1;0;17;")]
    pauses = [
        after - before for before, after in itertools.pairwise(watts[1:])
    ]  # the first value comes at boot
    assert 59 < min(pauses) and max(pauses) < 61


def test_presented_in_full(weeks):
    text = {line.decode() for _, line in weeks[:200]}
    assert "0;255;3;0;14;Gateway startup complete." in text and "0;255;0;0;18;2.4.0-alpha" in text
    for kind in DEMO_NODES:
        assert f"{kind.node_id};255;3;0;11;{kind.sketch}" in text
        assert f"{kind.node_id};255;3;0;12;{kind.sketch_version}" in text
        for child in kind.children:
            assert f"{kind.node_id};{child.child_id};0;0;{int(child.type)};{child.description}" in text
    assert "7;255;3;0;12;$Rev: 826 $" in text and "6;98;1;0;47;parent: 3" in text


def test_day_and_night_in_the_greenhouse(weeks):
    by_hour = defaultdict(list)
    for at, value in numbers(weeks, b"7;1;1;0;0;"):
        assert -15 < value < 50
        by_hour[int(at % DAY // 3600)].append(value)
    mean = {hour: sum(values) / len(values) for hour, values in by_hour.items()}
    assert mean[12] > mean[3] + 4


def test_counters_only_grow_and_agree_with_the_power(weeks):
    energy = numbers(weeks, b"5;1;1;0;18;")
    assert all(before[1] <= after[1] for before, after in itertools.pairwise(energy))
    used = energy[-1][1] - energy[0][1]
    power = [watts for _, watts in numbers(weeks, b"5;1;1;0;17;")]
    assert used == pytest.approx(sum(power) / len(power) * 28 * 24 / 1000, rel=0.02)
    rain = [value for _, value in numbers(weeks, b"9;1;1;0;6;")]
    assert rain == sorted(rain) and 5 < rain[-1] - rain[0] < 300


def test_batteries_and_the_door(weeks):
    cellar = [value for _, value in numbers(weeks, b"11;255;3;0;0;")]
    assert cellar == sorted(cellar, reverse=True) and cellar[-1] == 8
    door = [value for _, value in numbers(weeks, b"4;255;3;0;0;")]
    assert min(door) < 12 and max(door) == 97
    contact = [value for _, value in numbers(weeks, b"4;1;1;0;16;")]
    assert 150 < len(contact) < 700
    assert sum(before == after for before, after in itertools.pairwise(contact)) < 5


def test_live_carries_on_where_history_ends(weeks):
    live = list(DemoNetwork(UNTIL, anchor=UNTIL).events(UNTIL + 3600))
    for prefix, most in (
        (b"5;1;1;0;18;", 1.0),
        (b"9;1;1;0;6;", 6),
        (b"11;255;3;0;0;", 1),
        (b"2;0;1;0;0;", 1.5),
    ):
        before = numbers(weeks, prefix)[-1][1]
        after = numbers(live, prefix) or [(0, before)]
        assert abs(after[0][1] - before) <= most
    assert not [line for _, line in live if line.split(b";")[2] == b"0" and not line.startswith(b"17;")]
    assert not [line for _, line in live if line.startswith(b"12;")]


def test_times_before_2020_are_refused():
    with pytest.raises(ValueError, match="before 2020"):
        World(1).kwh(EPOCH - 2 * DAY)
