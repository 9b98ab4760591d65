"""The nodes' rules, on a clock that the test drives: presentation, echo, sleep, orders."""

import pytest

from ingest.demo.radio.battery_node import NodeBattery, SmartSleeper
from ingest.demo.radio.battery_sketches import Cellar, FrontDoor, Greenhouse
from ingest.demo.radio.faulty_sketches import Attic, CarTracker
from ingest.demo.radio.mains_sketches import Bathroom, LivingRoom, PowerMeter
from ingest.demo.radio.network import DISCOVERY_S, DemoNetwork
from ingest.demo.radio.node import Child, DemoNode
from ingest.demo.radio.nodes import DEMO_NODES
from ingest.mysensors.protocol import Presentation

NOW = 1_763_692_800.0


class Kitchen(DemoNode):
    """A node that has never had an id."""

    sketch = "Kitchen"
    children = (Child(4, Presentation.S_TEMP, "Oven"),)


def network_of(*nodes, **options):
    return DemoNetwork(NOW, nodes=nodes, **options)


def sent(network, until):
    return [line.decode() for _, line in network.events(until)]


def test_order_after_a_reset_and_the_wait_for_config():
    lone = network_of(Greenhouse, boot=True)
    assert sent(lone, NOW + 1.9) == ["7;255;0;0;17;2.4.0-alpha", "7;255;3;0;6;3"]
    after = list(lone.events(NOW + 5))
    assert after[0][0] == pytest.approx(NOW + 2.012) and after[0][1] == b"7;255;3;0;11;Greenhouse"
    assert [line for _, line in after[1:7]] == [
        b"7;255;3;0;12;$Rev: 826 $",
        b"7;1;0;0;6;Air",
        b"7;2;0;0;7;Air humidity",
        b"7;3;0;0;35;Tomato bed",
        b"7;255;3;0;31;%d" % lone.node(7).signal("R"),
        after[6][1],
    ]
    assert after[6][1].startswith(b"7;1;1;0;0;") and after[-1][1] == b"7;255;3;0;32;500"


def test_an_answer_to_config_ends_the_wait():
    lone = network_of(LivingRoom, boot=True)
    sent(lone, NOW + 0.1)
    lone.receive(b"2;255;3;0;6;I", NOW + 0.1)
    assert sent(lone, NOW + 0.2)[:2] == ["2;255;3;0;11;Living room", "2;255;3;0;12;2.1"]
    assert lone.node(2).metric is False


@pytest.mark.parametrize("child", [b"token", b"255"])
def test_a_node_without_id_asks_until_it_gets_one(child):
    lone = network_of(Kitchen, boot=True)
    requests = [sent(lone, NOW + at) for at in (1, 3, 5, 7)]
    assert all(
        len(lines) == 1 and lines[0].startswith("255;") and lines[0].endswith(";3;0;3;") for lines in requests
    )
    assert sent(lone, NOW + 16) == []
    request = sent(lone, NOW + 19)[0]
    token = request.split(";")[1].encode() if child == b"token" else child
    lone.receive(b"255;" + token + b";3;0;4;30", NOW + 19)
    assert sent(lone, NOW + 25)[:3] == ["30;255;0;0;17;2.3.2", "30;255;3;0;6;0", "30;255;3;0;11;Kitchen"]


def test_an_id_for_another_token_is_not_taken():
    lone = network_of(Kitchen, boot=True)
    token = int(sent(lone, NOW + 1)[0].split(";")[1])
    lone.receive(b"255;%d;3;0;4;30" % ((token + 1) % 255), NOW + 1)
    assert lone.nodes[0].node_id == 255


def test_echo_comes_first_and_from_the_library():
    lone = network_of(Bathroom)
    lone.receive(b"6;3;1;1;2;1", NOW)
    assert sent(lone, NOW + 0.1) == ["6;3;1;1;2;1", "6;3;1;0;2;1"]
    lone.receive(b"6;255;3;1;18;", NOW + 1)
    echo, answer = sent(lone, NOW + 1.1)
    assert echo == "6;255;3;1;18;0" and answer.startswith("6;255;3;0;22;")


def test_a_relay_is_switched_and_asked():
    lone = network_of(Bathroom)
    before = lone.node(6).relay()
    lone.receive(b"6;3;1;0;2;%d" % (1 - before), NOW)
    lone.receive(b"6;3;2;0;2;", NOW + 0.1)
    assert sent(lone, NOW + 0.2) == [f"6;3;1;0;2;{1 - before}"] * 2
    lone.receive(b"6;1;1;0;2;1", NOW + 0.3)
    lone.receive(b"6;3;1;0;2;loud", NOW + 0.3)
    assert sent(lone, NOW + 0.4) == []


def test_habit_takes_over_again_after_a_hand():
    lone = network_of(Bathroom)
    node = lone.node(6)
    node.now = NOW
    habit = node.habit()
    node.on_set(3, 2, str(1 - habit))
    assert node.relay() == 1 - habit
    states = set()
    for minute in range(0, 1440, 5):
        node.now = NOW + 60 * minute
        states.add((node.habit(), node.relay()))
        if node.habit() != habit:
            assert node.relay() == node.habit()
    assert (1 - habit, 1 - habit) in states and not node.by_hand


def test_presentation_on_order_and_then_life_goes_on():
    lone = network_of(LivingRoom)
    undisturbed = [line for line in sent(network_of(LivingRoom), NOW + 1000) if line.split(";")[2] == "1"]
    lone.receive(b"2;255;3;0;19;", NOW + 1)
    lines = sent(lone, NOW + 1000)
    start = lines.index("2;255;0;0;17;2.3.2")
    assert lines[start : start + 3] == ["2;255;0;0;17;2.3.2", "2;255;3;0;6;0", "2;255;3;0;11;Living room"]
    assert [line for line in lines if line.split(";")[2] == "1"] == undisturbed


@pytest.mark.parametrize(("answered", "pause_s"), [(True, 0.1), (False, 2.0)])
def test_a_presentation_goes_on_when_i_config_is_answered(answered, pause_s):
    lone = DemoNetwork(NOW, boot=True, nodes=[LivingRoom])
    asked_at = next(at for at, line in lone.events(NOW + 10) if line == b"2;255;3;0;6;0")
    if answered:
        lone.receive(b"2;255;3;0;6;M", asked_at + 0.1)
    name_at = next(at for at, line in lone.events(NOW + 10) if b";3;0;11;" in line)
    assert asked_at + pause_s <= name_at <= asked_at + pause_s + 0.1


def test_reboot_takes_a_second_or_two_and_resets_the_uptime():
    lone = network_of(LivingRoom)
    lone.receive(b"2;255;3;0;18;", NOW)
    assert int(sent(lone, NOW + 0.1)[-1].rsplit(";", 1)[1]) > 1_000_000
    lone.receive(b"2;255;3;0;13;", NOW + 1)
    lone.receive(b"2;255;3;1;18;", NOW + 1.5)
    lines = list(lone.events(NOW + 10))
    assert NOW + 2 <= lines[0][0] <= NOW + 3 and lines[0][1] == b"2;255;0;0;17;2.3.2"
    assert b"2;255;3;1;18;0" not in [line for _, line in lines]
    lone.receive(b"2;255;3;0;18;", NOW + 10)
    assert int(sent(lone, NOW + 10.1)[-1].rsplit(";", 1)[1]) < 10_000


@pytest.mark.parametrize(
    ("kind", "version"), [(Greenhouse, 0x02040001), (FrontDoor, 0x020301FF), (LivingRoom, 0x020302FF)]
)
def test_version_number(kind, version):
    lone = network_of(kind)
    node = lone.nodes[0]
    node.presenting = True  # awake, whatever it is
    lone.receive(b"%d;255;3;0;2;" % node.node_id, NOW)
    assert sent(lone, NOW + 0.1)[-1] == f"{node.node_id};255;3;0;2;{version}"


def test_signal_report():
    lone = network_of(LivingRoom, Bathroom)
    lone.receive(b"2;255;3;0;29;R", NOW)
    lone.receive(b"6;255;3;0;29;R", NOW)
    answers = dict(line.rsplit(";", 1) for line in sent(lone, NOW + 0.1))
    assert -65 < int(answers["2;255;3;0;31"]) < -50 and answers["6;255;3;0;31"] == "-256"


def test_a_smart_sleeper_hears_in_its_window_alone():
    lone = network_of(Greenhouse)
    window_at = next(at for at, line in lone.events(NOW + 2000) if line == b"7;255;3;0;32;500")
    for offset, heard in ((0.0, True), (0.45, True), (0.55, False), (1.5, False)):
        lone.receive(b"7;1;1;1;47;hello", window_at + offset)
        assert sent(lone, window_at + offset + 0.04) == (["7;1;1;1;47;hello"] if heard else [])
    assert sent(lone, window_at + 905)[0].startswith("7;255;3;0;33;900000")


def test_a_smart_sleeper_presents_itself_in_its_window_and_then_sleeps():
    lone = network_of(Greenhouse)
    window_at = next(at for at, line in lone.events(NOW + 2000) if line == b"7;255;3;0;32;500")
    lone.receive(b"7;255;3;0;19;", window_at + 0.1)
    assert sent(lone, window_at + 0.3) == ["7;255;0;0;17;2.4.0-alpha", "7;255;3;0;6;3"]
    lone.receive(b"7;255;3;0;6;M", window_at + 0.3)
    assert len(sent(lone, window_at + 1)) == 6
    lone.receive(b"7;255;3;0;18;", window_at + 1)
    assert sent(lone, window_at + 2) == []


def test_pace_keeps_the_window_half_a_second_long_for_the_controller():
    lone = network_of(Greenhouse, pace=60)
    window_at = next(at for at, line in lone.events(NOW + 2000) if line == b"7;255;3;0;32;500")
    lone.receive(b"7;255;3;0;18;", window_at + 0.45 * 60)
    assert len(sent(lone, window_at + 0.49 * 60)) == 1


def test_a_node_asleep_or_silent_hears_nothing():
    full = DemoNetwork(NOW)
    for line in (b"4;255;3;1;18;", b"12;255;3;1;18;", b"99;255;3;1;18;", b"garbage", b"a;b;c;d;e;f"):
        full.receive(line, NOW)
    assert not [line for line in sent(full, NOW + 0.05) if line.split(";")[0] in ("0", "4", "12", "99")]


def test_discovery_every_20_minutes_by_those_awake():
    full = DemoNetwork(NOW)
    answers = [(at, line) for at, line in full.events(NOW + 2 * DISCOVERY_S + 2) if b";255;3;0;21;" in line]
    assert all((at - NOW) % DISCOVERY_S < 1.1 for at, _ in answers)
    assert {line for _, line in answers} >= {b"6;255;3;0;21;3", b"3;255;3;0;21;0", b"2;255;3;0;21;0"}
    assert not {line.split(b";")[0] for _, line in answers} & {b"4", b"7", b"9", b"11", b"12"}


def test_a_node_that_is_off_does_not_answer():
    lone = network_of(LivingRoom, Bathroom, boot=True)
    lone.discover(NOW)
    first_bathroom = next(line for line in sent(lone, NOW + 5) if line.startswith("6;"))
    assert first_bathroom == "6;255;0;0;17;2.3.2"


def test_broadcasts_that_work_and_that_do_not():
    full = DemoNetwork(NOW)
    full.receive(b"255;255;3;0;19;", NOW)
    full.receive(b"255;255;3;0;18;", NOW)
    full.receive(b"2;255;3;0;20;", NOW)
    assert sent(full, NOW + 0.02) == []
    full.receive(b"255;255;3;0;20;", NOW + 2)
    assert len([line for line in sent(full, NOW + 4) if ";3;0;21;" in line]) == 8
    want = 1 - full.node(21).relay()
    full.receive(b"255;1;1;0;2;%d" % want, NOW + 5)
    assert f"21;1;1;0;2;{want}" in sent(full, NOW + 5.1)


@pytest.mark.parametrize(("kind", "line"), [(CarTracker, b"14;255;3;0;1;"), (PowerMeter, b"5;1;2;0;18;")])
def test_questions_to_the_controller(kind, line):
    lone = network_of(kind)
    assert line in [heard for _, heard in lone.events(NOW + 86400)]
    lone.receive(b"14;255;3;0;1;1763696400", NOW + 86400)
    assert lone.nodes[0].controller_time == (1763696400 if kind is CarTracker else None)


def test_batteries():
    assert (
        NodeBattery(8, 26).at(0) == 8 and NodeBattery(8, 26).at(-30) == 34 and NodeBattery(8, 26).at(60) == 1
    )
    changed = NodeBattery(94, 5, changed_days_ago=19)
    assert changed.at(-18) > 90 and changed.at(-20) < 12
    levels = [
        line for line in sent(network_of(Cellar, boot=True), NOW + 86400) if line.startswith("11;255;3;0;0;")
    ]
    assert {"11;255;3;0;0;8", "11;255;3;0;0;7"} == set(levels)


def test_node_of_looks_nodes_up():
    full = DemoNetwork(NOW)
    assert isinstance(full.node(17), Attic) and full.node(0) is full.gateway
    with pytest.raises(KeyError):
        full.node(99)
    assert len({kind.node_id for kind in DEMO_NODES}) == len(DEMO_NODES)
    assert any(issubclass(kind, SmartSleeper) for kind in DEMO_NODES)
