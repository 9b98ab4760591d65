"""Many orders to virtual nodes, half of them asleep, and what became of each: for a test and a benchmark."""

import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from random import Random
from statistics import median

from ingest.db.connection import connect, dict_rows
from ingest.db.time import parse_utc
from ingest.mysensors.protocol import Internal, SetReq
from tests.helpers.virtual_nodes import Sleep, VirtualNode

SHORTEST_S, LONGEST_S = 0.05, 0.5  # windows
OPEN = "done_at is null and state in ('queued', 'sent')"


class OrderedNode(VirtualNode):
    """A node that notes what its sketch is told."""

    def __init__(self, node_id, **options):
        super().__init__(node_id, **options)
        self.applied = Counter()  # (child, type, payload) -> how often

    def on_set(self, child, type, text):
        self.applied[child, type, text] += 1
        return []


def make_nodes(count, now, sleep_s, seed=1):
    """Nodes 1 to `count`, every other one asleep, with windows of 50 to 500 ms."""
    random = Random(seed)
    asleep = iter(range(count // 2))
    spread = (LONGEST_S - SHORTEST_S) / max(1, count // 2 - 1)
    return [
        OrderedNode(
            number,
            now=now,
            period_s=5.0 + random.random(),
            sleep=Sleep(SHORTEST_S + spread * next(asleep), sleep_s * (0.5 + random.random()))
            if number % 2 == 0
            else None,
        )
        for number in range(1, count + 1)
    ]


@dataclass(frozen=True)
class Placed:
    """An order: its row, its node, and what the sketch is told; None for a reboot."""

    id: int
    node: OrderedNode
    told: tuple[int, int, str] | None


def place_orders(path, nodes, count):
    """Insert orders, each with a value of its own: states, every fifth child a scene, one child a reboot."""
    placed = []
    with closing(connect(path)) as connection:
        for number in range(count):
            node, child = nodes[number % len(nodes)], number // len(nodes)
            type = SetReq.V_SCENE_ON if child % 5 == 4 else SetReq.V_VAR1
            told = None if child % 25 == 7 else (child, int(type), str(number))
            line = (
                f"{node.node_id};255;3;1;{Internal.I_REBOOT:d};"
                if told is None
                else f"{node.node_id};{child};1;1;{type:d};{number}"
            )
            id = connection.execute(
                "insert into outbox (node, line) values (?, ?)", (node.node_id, line)
            ).lastrowid
            placed.append(Placed(id, node, told))
    return placed


def wait_until_done(path, seconds):
    """Wait until no order is open; returns how many still are after so many seconds."""
    end = time.monotonic() + seconds
    with closing(connect(path, readonly=True)) as connection:
        while True:
            still_open = connection.execute(f"select count(*) from outbox where {OPEN}").fetchone()[0]
            if not still_open or time.monotonic() > end:
                return still_open
            time.sleep(0.1)


@dataclass(frozen=True)
class Outcome:
    """What became of the orders of a round; each list holds rows of `outbox`."""

    delivered: list  # echoed, or heard by the node
    undelivered: list
    unsaid: list  # echoed, but the node never got it
    without_reason: list  # neither echoed nor with a reason
    twice: list  # took effect twice: a scene or a reboot that arrived twice
    repeated: int  # states that arrived again, which changes nothing
    awake_s: float  # from placed to echoed, median
    asleep_s: float


def judge(path, placed):
    """Compare the rows with what the nodes were told."""
    with closing(connect(path, readonly=True)) as connection:
        rows = {row["id"]: row for row in dict_rows(connection, "select * from outbox")}
    reboots = Counter(one.node.node_id for one in placed if one.told is None)
    outcome = Outcome([], [], [], [], [], 0, 0, 0)
    repeated, took = 0, {True: [], False: []}
    for one in placed:
        row = rows[one.id]
        times = one.node.reboots if one.told is None else one.node.applied[one.told]
        is_echoed = row["state"] == "echoed"
        if is_echoed or times:
            outcome.delivered.append(row)
        else:
            outcome.undelivered.append(row)
        if is_echoed and not times:
            outcome.unsaid.append(row)
        if not is_echoed and not row["reason"]:
            outcome.without_reason.append(row)
        is_once = one.told is None or one.told[1] == SetReq.V_SCENE_ON
        limit = reboots[one.node.node_id] if one.told is None else 1
        if times > limit and is_once:
            outcome.twice.append(row)
        repeated += 0 if is_once else max(0, times - 1)
        if is_echoed:
            took[one.node.sleep is None].append(parse_utc(row["done_at"]) - parse_utc(row["created_at"]))
    middle = [median(took[awake]) if took[awake] else 0.0 for awake in (True, False)]
    return replace(outcome, repeated=repeated, awake_s=middle[0], asleep_s=middle[1])
